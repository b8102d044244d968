"""Nets without batch norm (Brock et al., 2021, https://arxiv.org/abs/2102.06171), with channel attention."""

from models.base import MODELS, BackboneModel


@MODELS.register
class ECANFNetL2(BackboneModel):
    """54 million weights; trained on 320 pixels, tested on 384. Small batches don't hurt it."""

    backbone_name = "eca_nfnet_l2.ra3_in1k"
