"""MobileNetV3 (Howard et al., 2019, https://arxiv.org/abs/1905.02244): fast on a CPU."""

from models.base import MODELS, BackboneModel


@MODELS.register
class MobileNetV3(BackboneModel):
    """4 million weights (the large one) from ImageNet-21k; made for 224 pixels."""

    backbone_name = "mobilenetv3_large_100.miil_in21k_ft_in1k"


@MODELS.register
class MobileNetV3Small(BackboneModel):
    """1.5 million weights, a quarter of the arithmetic; made for 224 pixels."""

    backbone_name = "mobilenetv3_small_100.lamb_in1k"
