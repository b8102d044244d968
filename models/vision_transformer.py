"""Vision transformers (Dosovitskiy et al., 2020, https://arxiv.org/abs/2010.11929), from ImageNet-21k.

Their patches have 16 x 16 pixels: image height and width must be multiples of 16.
"""

from models.base import MODELS, BackboneModel


@MODELS.register
class VisionTransformer(BackboneModel):
    """The tiny one: 6 million weights; made for 224 pixels."""

    backbone_name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@MODELS.register
class ViTSmall(BackboneModel):
    """22 million weights; made for 224 pixels."""

    backbone_name = "vit_small_patch16_224.augreg_in21k_ft_in1k"


@MODELS.register
class ViTBase(BackboneModel):
    """86 million weights; made for 224 pixels."""

    backbone_name = "vit_base_patch16_224.augreg2_in21k_ft_in1k"
