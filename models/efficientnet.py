"""EfficientNets (Tan and Le, 2019, https://arxiv.org/abs/1905.11946), with Noisy Student weights."""

from models.base import MODELS, BackboneModel


@MODELS.register
class EfficientNetB2(BackboneModel):
    """8 million weights; made for 260 pixels."""

    backbone_name = "tf_efficientnet_b2.ns_jft_in1k"


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
    """EfficientNetB4 whose heads have two layers (``Shallow``) unless [head] names another."""

    default_head = "Shallow"


@MODELS.register
class EfficientNetB6(BackboneModel):
    """41 million weights; made for 528 pixels."""

    backbone_name = "tf_efficientnet_b6.ns_jft_in1k"
