"""EfficientNets (Tan and Le, 2019, https://arxiv.org/abs/1905.11946), with Noisy Student weights."""

from torch import nn

from models.classifier import MODELS
from models.timm_model import BackboneModel


@MODELS.register
class EfficientNetB3(BackboneModel):
    """11 million weights; made for 300 pixels."""

    backbone_name = "tf_efficientnet_b3.ns_jft_in1k"


@MODELS.register
class EfficientNetB4(BackboneModel):
    """18 million weights; made for 380 pixels. The rank-1 teams' choice."""

    backbone_name = "tf_efficientnet_b4.ns_jft_in1k"


@MODELS.register
class EfficientNetB4T(EfficientNetB4):
    """EfficientNetB4 with a two-layer head for each label space on the shared features."""

    @staticmethod
    def make_head(features: int, labels: int) -> nn.Module:
        hidden = 256
        return nn.Sequential(
            nn.Linear(features, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, labels),
        )
