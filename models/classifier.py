"""The shape of every model: normalise, backbone, one head for each label space."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from utils.registry import Registry

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MakeHead = Callable[[int, int], nn.Module]  # (features, labels) -> head


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
            images = images.float() / 255
        normal = (images - self.mean) / self.std
        return normal.contiguous(memory_format=torch.channels_last)


class Classifier(nn.Module):
    """A backbone with one head for each label space.

    Args:
        backbone: float (N, 3, H, W) to features (N, F).
        features: F.
        heads: K of each label space.
        make_head: builds a head from (F, K); a linear layer unless said otherwise.
        dropout: probability that a feature is dropped before the heads, in [0, 1).
    """

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        heads: Mapping[str, int],
        *,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        make_head: MakeHead = nn.Linear,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(mean, std)
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: make_head(features, k) for name, k in heads.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (N, K) by label space; images are bytes, or floats in [0, 1]."""
        features = self.dropout(self.backbone(self.normalise(images)))
        return {name: head(features) for name, head in self.heads.items()}


def check_outputs(model: nn.Module, heads: Mapping[str, int], image_size: tuple[int, int]) -> None:
    """Run two blank images through ``model`` and compare the outputs' widths with ``heads``.

    Raises:
        ValueError: the model can't take this image size, or its outputs are not what the task needs.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    blank = torch.zeros(2, 3, *image_size, dtype=torch.uint8, device=device)
    try:
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


MODELS: Registry[nn.Module] = Registry("model", "models", runtime=("heads", "image_size", "fresh"))
