"""Named backbones are the ones that were published: their arithmetic, their feature maps."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.base import MODELS, Classifier
from tests.models.shapes import Shapes
from utils.registry import Component


@dataclass(frozen=True)
class Published:
    """What is known of an architecture with its classifier of 1000 labels.

    Attributes:
        gmacs: billions of multiply-adds for one image; with two for each value that a batch norm normalises
            where ``norms`` is true, which is how timm's tables count.
        side: of the square image that this holds for, in pixels.
        features: the shape of one image's last feature map.
    """

    gmacs: float
    side: int
    features: tuple[int, ...]
    norms: bool = True


# Where nothing else is said: huggingface/pytorch-image-models, results/model_benchmark_amp_nchw_rtx3090.csv,
# columns infer_gmacs and infer_img_size.
PUBLISHED = {
    "DenseNet121": Published(2.87, 224, (1024, 7, 7)),
    "DenseNet201": Published(4.34, 224, (1920, 7, 7)),
    "ECANFNetL2": Published(30.05, 384, (3072, 12, 12)),
    "EfficientNetB2": Published(1.02, 260, (1408, 9, 9)),
    "EfficientNetB3": Published(1.87, 300, (1536, 10, 10)),
    "EfficientNetB4": Published(4.49, 380, (1792, 12, 12)),
    "EfficientNetB6": Published(19.4, 528, (2304, 17, 17)),
    "EfficientNetV2L": Published(56.4, 480, (1280, 15, 15)),
    "EfficientNetV2S": Published(8.44, 384, (1280, 12, 12)),
    "ReXNet": Published(0.9, 224, (1920, 7, 7)),
    "RegNetX032": Published(3.2, 224, (1008, 7, 7)),
    "ResNeXt50": Published(4.26, 224, (2048, 7, 7)),
    "ResNet152": Published(11.56, 224, (2048, 7, 7)),
    "ResNet18": Published(1.82, 224, (512, 7, 7)),
    "ResNet50": Published(4.11, 224, (2048, 7, 7)),
    "SwinBase": Published(15.47, 224, (7, 7, 1024)),
    "SwinSmall": Published(8.77, 224, (7, 7, 768)),
    "TResNetL": Published(10.88, 224, (2432, 7, 7)),
    "TResNetM": Published(5.74, 224, (2048, 7, 7)),
    "ViTBase": Published(17.58, 224, (197, 768)),
    "ViTSmall": Published(4.61, 224, (197, 384)),
    "VisionTransformer": Published(1.26, 224, (197, 192)),
    # Liu et al., 2022, https://arxiv.org/abs/2201.03545, table 1.
    "ConvNeXtSmall": Published(8.7, 224, (768, 7, 7), norms=False),
    "ConvNeXtTiny": Published(4.5, 224, (768, 7, 7), norms=False),
    # Howard et al., 2019, https://arxiv.org/abs/1905.02244, tables 3 and 4.
    "MobileNetV3": Published(0.219, 224, (960, 7, 7), norms=False),
    "MobileNetV3Small": Published(0.056, 224, (576, 7, 7), norms=False),
    # The same repository, results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv.
    "SwinV2CRTiny": Published(4.66, 224, (768, 7, 7)),
}
FAST = ("ConvNeXtTiny", "EfficientNetB4", "MobileNetV3", "RegNetX032", "ResNet18", "VisionTransformer")


def on_meta(name: str, side: int) -> Classifier:
    with Shapes(), torch.device("meta"):
        model = MODELS.build(Component(name), heads={"a": 1}, image_size=(side, side), fresh=True)
    assert isinstance(model, Classifier)
    return model.eval()


def gmacs(backbone: nn.Module, images: torch.Tensor, *, norms: bool) -> float:
    normalised = 0

    def count(_: nn.Module, given: tuple[Any, ...]) -> None:
        nonlocal normalised
        normalised += given[0].numel()

    for module in backbone.modules():
        if norms and isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(count)
    with Shapes(), FlopCounterMode(display=False) as counter, torch.no_grad():
        features = backbone(images)
    classifier = 1000 * features.shape[1]
    return (counter.get_total_flops() / 2 + 2 * normalised + classifier) / 1e9


@pytest.mark.parametrize(
    "name",
    [
        name if name in FAST else pytest.param(name, marks=(pytest.mark.slow, pytest.mark.nets))
        for name in PUBLISHED
    ],
)
def test_a_named_backbone_has_the_published_arithmetic_and_feature_map(name: str) -> None:
    published = PUBLISHED[name]
    model = on_meta(name, published.side)
    images = torch.zeros(1, 3, published.side, published.side, device="meta")
    found = gmacs(model.backbone, images, norms=published.norms)
    assert found == pytest.approx(published.gmacs, rel=0.02)
    with Shapes():
        features = model.backbone.forward_features(images)  # type: ignore[operator]
    assert tuple(features.shape[1:]) == published.features
