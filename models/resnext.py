"""ResNeXt (Xie et al., 2016, https://arxiv.org/abs/1611.05431)."""

from models.base import MODELS, BackboneModel


@MODELS.register
class ResNeXt50(BackboneModel):
    """23 million weights, 32 groups of 4 channels; trained on 224 pixels."""

    backbone_name = "resnext50_32x4d.a1h_in1k"
