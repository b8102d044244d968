"""What every model is: it normalises, has a backbone, and one head for each label space.

A backbone of timm's with a name of its own is one class in a file of its family, as in ``models/resnet.py``:

    @MODELS.register
    class ResNet18(BackboneModel):
        backbone_name = "resnet18.tv_in1k"

A net of your own is a ``Classifier`` around a module that gives features (N, F): see ``models/tiny_net.py``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from models.backbone import create_backbone
from models.columns import Columns, given
from models.feature_map import look, map_channels
from models.heads.base import Heads
from models.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from models.units import Units
from utils.convert import DropRate
from utils.device import without_autocast
from utils.registry import Component, Registry

MODELS: Registry[nn.Module] = Registry("model", "models", runtime=("heads", "image_size", "fresh"))


class Classifier(nn.Module):
    """A backbone with one head for each label space.

    Args:
        backbone: float (N, 3, H, W) to features (N, F); heads on tokens need one with timm's
            ``forward_features``, ``forward_head`` and ``num_features``.
        features: F; by label space where the heads don't all see the same features.
        heads: K of each label space; as ``Heads``, which the config makes, also how each head is made.
        dropout: probability that a pooled feature is dropped before the heads, in [0, 1).

    Attributes:
        default_head: the head where nothing else is chosen; a subclass may name another.
    """

    default_head: ClassVar[str] = "Linear"

    def __init__(
        self,
        backbone: nn.Module,
        features: int | Mapping[str, int],
        heads: Mapping[str, int],
        *,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(mean, std)

        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        chosen = heads if isinstance(heads, Heads) else Heads(heads, default=Component(self.default_head))
        self.heads = chosen.build(features, map_channels(backbone))
        self.pooled = {space: chosen.pooled(space) for space in chosen}
        self.units = Units(chosen.numbers) if chosen.numbers else None
        self.columns = Columns(chosen.columns) if chosen.columns else None

    def forward(self, images: Tensor, table: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits (N, K) by label space; images are bytes, or floats in [0, 1].

        Args:
            table: what a table says of each image (N, D), for a model that has ``columns``.
        """
        seen = look(self.backbone, self.normalise(images), self.pooled.values())  # by pooled or not
        if True in seen:  # heads on tokens drop what they like themselves
            seen[True] = self.dropout(seen[True])
        return self.logits({space: seen[pooled] for space, pooled in self.pooled.items()}, table)

    def logits(self, features: Mapping[str, Tensor], table: Tensor | None = None) -> dict[str, Tensor]:
        """Return the heads' logits (N, K) in float32, whatever precision the backbone runs in.

        Logits of 8 bits would be steps of 0.03 apart, for hardly any time gained.
        """
        with without_autocast(next(iter(features.values())).device):
            seen = {name: values.float() for name, values in features.items()}
            if self.columns is not None:
                seen = {name: self.columns.beside(values, given(table)) for name, values in seen.items()}
            logits: dict[str, Tensor] = self.heads(seen)
        return logits if self.units is None else self.units(logits)


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
