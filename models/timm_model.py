"""Any timm backbone by its name, and what the models with a fixed backbone share with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from torch import nn

from models.backbone import create_backbone, weights_config
from models.classifier import IMAGENET_MEAN, IMAGENET_STD, MODELS, Classifier
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
    ) -> None:
        name = self.backbone_name
        options = {"drop_path_rate": drop_path} if drop_path else {}
        backbone = create_backbone(name, image_size, pretrained if fresh else False, **options)
        weights = weights_config(name)
        super().__init__(
            backbone,
            int(getattr(backbone, "head_hidden_size", None) or backbone.num_features),  # type: ignore[arg-type]
            heads,
            mean=weights.mean if weights else IMAGENET_MEAN,
            std=weights.std if weights else IMAGENET_STD,
            make_head=self.make_head,
            dropout=dropout,
        )

    @staticmethod
    def make_head(features: int, labels: int) -> nn.Module:
        """Return one head: features (N, F) to logits (N, K)."""
        return nn.Linear(features, labels)


@MODELS.register
class TimmModel(BackboneModel):
    """``backbone`` is any name of timm's, such as ``convnext_tiny.in12k_ft_in1k``."""

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
    ) -> None:
        self.backbone_name = backbone  # type: ignore[misc]
        super().__init__(
            heads=heads,
            image_size=image_size,
            fresh=fresh,
            pretrained=pretrained,
            dropout=dropout,
            drop_path=drop_path,
        )
