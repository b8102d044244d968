"""Any timm backbone by its name."""

from collections.abc import Mapping
from pathlib import Path

from models.base import MODELS, BackboneModel
from utils.convert import DropRate


@MODELS.register
class TimmModel(BackboneModel):
    """``backbone`` is any name of timm's, such as ``convnext_tiny.in12k_ft_in1k``.

    Args:
        backbone: a name of timm's, old ones too; those with weights end in a tag after a dot.
    """

    @classmethod
    def further_names(cls) -> tuple[str, list[str]]:
        """Return the option that stands for many backbones, and their names of today."""
        import timm  # seconds, which only a question about one of them is to take

        return "backbone", [*timm.list_models(), *timm.list_pretrained()]

    def __init__(
        self,
        *,
        backbone: str,
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        pretrained: bool | Path = False,
        dropout: DropRate = 0.0,
        drop_path: DropRate = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        self.backbone_name = backbone  # type: ignore[misc]
        super().__init__(
            heads=heads,
            image_size=image_size,
            fresh=fresh,
            pretrained=pretrained,
            dropout=dropout,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
