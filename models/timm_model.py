"""Any timm backbone by its name, and what the models with a fixed backbone share with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from models.backbone import create_backbone
from models.classifier import MODELS, Classifier
from utils.convert import DropRate


class BackboneModel(Classifier):
    """A timm backbone with one head for each label space; a subclass names the backbone.

    Args:
        heads: K of each label space.
        image_size: height and width in pixels.
        fresh: False when a checkpoint's weights follow, so that none are loaded here.
        pretrained: true (from the hub), false (random), or the path of a file of weights.
        dropout: probability before the heads.
        drop_path: probability of skipping a residual block (stochastic depth), where there are any.
        gradient_checkpointing: less memory for a slower step (about a third), with the same gradients.
    """

    backbone_name: ClassVar[str]

    def __init__(
        self,
        *,
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        pretrained: bool | Path = False,
        dropout: DropRate = 0.0,
        drop_path: DropRate = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        backbone = create_backbone(
            self.backbone_name,
            image_size,
            pretrained if fresh else False,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
        super().__init__(
            backbone.module,
            backbone.features,
            heads,
            mean=backbone.mean,
            std=backbone.std,
            dropout=dropout,
        )


@MODELS.register
class TimmModel(BackboneModel):
    """``backbone`` is any name of timm's, such as ``convnext_tiny.in12k_ft_in1k``.

    Args:
        backbone: a name of timm's, old ones too; those with weights end in a tag after a dot.
    """

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
