"""ConvNeXts (Liu et al., 2022, https://arxiv.org/abs/2201.03545), with weights from ImageNet-12k.

They halve an odd height or width by leaving its last row out: multiples of 32 pixels lose nothing.
"""

from models.base import MODELS, BackboneModel


@MODELS.register
class ConvNeXtTiny(BackboneModel):
    """28 million weights; trained on 224 pixels, tested on 288."""

    backbone_name = "convnext_tiny.in12k_ft_in1k"


@MODELS.register
class ConvNeXtSmall(BackboneModel):
    """49 million weights; trained on 224 pixels, tested on 288."""

    backbone_name = "convnext_small.in12k_ft_in1k"
