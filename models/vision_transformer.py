"""Vision transformer (Dosovitskiy et al., 2020, https://arxiv.org/abs/2010.11929), tiny, 16-pixel patches."""

from models.classifier import MODELS
from models.timm_model import BackboneModel


@MODELS.register
class VisionTransformer(BackboneModel):
    """6 million weights; image height and width must be multiples of 16."""

    backbone_name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
