"""The shape of every model: normalise, backbone, one head for each label space."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.feature_map import look, map_channels
from models.heads.base import Heads
from utils.device import without_autocast
from utils.errors import ConfigError
from utils.registry import Component, Registry

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """Bytes in [0, 255] or floats in [0, 1] to zero mean and unit deviation; saved with the weights."""

    mean: Tensor  # (1, 3, 1, 1)
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return float (N, 3, H, W) in channels-last memory."""
        if not images.is_floating_point():
            images = images.float().div_(255)
        normal = (images - self.mean).div_(self.std)  # in place: a pass over memory less
        return normal.contiguous(memory_format=torch.channels_last)


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

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (N, K) by label space; images are bytes, or floats in [0, 1]."""
        seen = look(self.backbone, self.normalise(images), self.pooled.values())
        if True in seen:
            seen[True] = self.dropout(seen[True])
        return self.logits({space: seen[pooled] for space, pooled in self.pooled.items()})

    def logits(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the heads' logits (N, K) in float32, whatever precision the backbone runs in.

        Logits of 8 bits would be steps of 0.03 apart, for hardly any time gained.
        """
        with without_autocast(next(iter(features.values())).device):
            logits: dict[str, Tensor] = self.heads(
                {name: values.float() for name, values in features.items()}
            )
        return logits


def check_outputs(model: nn.Module, heads: Mapping[str, int], image_size: tuple[int, int]) -> None:
    """Run two blank images through ``model`` and compare the outputs' widths with ``heads``.

    Raises:
        ValueError: the model can't take this image size, or its outputs are not what the task needs.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    try:
        blank = torch.zeros(2, 3, *image_size, dtype=torch.uint8, device=device)
        with torch.no_grad():
            logits = model(blank)
    except (RuntimeError, AssertionError, ValueError) as error:
        height, width = image_size
        raise ValueError(f"can't take images of {height} x {width} pixels: {error}") from error
    finally:
        model.train(training)
    got = {name: tuple(value.shape) for name, value in logits.items()}
    want = {name: (2, labels) for name, labels in heads.items()}
    if got != want:
        raise ValueError(f"gives logits of shapes {got} for two images; the task needs {want}")


@contextmanager
def explain_small_batches() -> Iterator[None]:
    """Say what to do where a norm in training has one number to normalise, which is 0 whatever it was.

    Raises:
        ConfigError: that is so: one image, of which the last map has one place.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ConfigError(
            "A batch norm of [model] can't be trained with one image in a batch whose map has shrunk to one "
            "place: there is nothing to take a deviation of "
            f"({str(error).partition('got ')[2] or error}). [train] batch_size = 2 or more helps, and more "
            "training images where there is only one; or larger images in [images] size."
        ) from error


MODELS: Registry[nn.Module] = Registry("model", "models", runtime=("heads", "image_size", "fresh"))
