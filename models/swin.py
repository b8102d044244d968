"""Swin transformers (Liu et al., 2021, https://arxiv.org/abs/2103.14030).

Their patches have 4 x 4 pixels: image height and width must be multiples of 4.
"""

from models.base import MODELS, BackboneModel


@MODELS.register
class SwinSmall(BackboneModel):
    """49 million weights from ImageNet-22k; made for 224 pixels. Windows of at most 7 x 7 patches, padded."""

    backbone_name = "swin_small_patch4_window7_224.ms_in22k_ft_in1k"


@MODELS.register
class SwinBase(BackboneModel):
    """87 million weights from ImageNet-22k; otherwise like SwinSmall."""

    backbone_name = "swin_base_patch4_window7_224.ms_in22k_ft_in1k"


@MODELS.register
class SwinV2CRTiny(BackboneModel):
    """28 million weights; made for 224 pixels. Windows are an eighth of the image's height and width.

    Version 2 (Liu et al., 2022, https://arxiv.org/abs/2111.09883) as timm's author first rebuilt it.
    """

    backbone_name = "swinv2_cr_tiny_ns_224.sw_in1k"
