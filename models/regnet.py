"""RegNets (Radosavovic et al., 2020, https://arxiv.org/abs/2003.13678)."""

from models.base import MODELS, BackboneModel


@MODELS.register
class RegNetX032(BackboneModel):
    """14 million weights, 3.2 billion multiplications; made for 224 pixels."""

    backbone_name = "regnetx_032.tv2_in1k"
