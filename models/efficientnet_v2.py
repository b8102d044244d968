"""EfficientNetV2 (Tan and Le, 2021, https://arxiv.org/abs/2104.00298), weights from ImageNet-21k."""

from models.base import MODELS, BackboneModel


@MODELS.register
class EfficientNetV2S(BackboneModel):
    """20 million weights; trained on 300 pixels, tested on 384."""

    backbone_name = "tf_efficientnetv2_s.in21k_ft_in1k"


@MODELS.register
class EfficientNetV2L(BackboneModel):
    """117 million weights; trained on 384 pixels, tested on 480."""

    backbone_name = "tf_efficientnetv2_l.in21k_ft_in1k"
