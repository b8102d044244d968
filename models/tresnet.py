"""TResNets (Ridnik et al., 2020, https://arxiv.org/abs/2003.13630): multi-label teams' choice."""

from models.base import MODELS, BackboneModel


@MODELS.register
class TResNetM(BackboneModel):
    """29 million weights from ImageNet-21k; made for 224 pixels."""

    backbone_name = "tresnet_m.miil_in21k_ft_in1k"


@MODELS.register
class TResNetL(BackboneModel):
    """54 million weights; made for 224 pixels."""

    backbone_name = "tresnet_l.miil_in1k"
