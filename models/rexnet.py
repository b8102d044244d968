"""ReXNet (Han et al., 2020, https://arxiv.org/abs/2007.00992)."""

from models.base import MODELS, BackboneModel


@MODELS.register
class ReXNet(BackboneModel):
    """8 million weights (width 1.5); made for 224 pixels."""

    backbone_name = "rexnet_150.nav_in1k"
