"""DenseNets (Huang et al., 2016, https://arxiv.org/abs/1608.06993)."""

from models.base import MODELS, BackboneModel


@MODELS.register
class DenseNet121(BackboneModel):
    """7 million weights; trained on 224 pixels."""

    backbone_name = "densenet121.ra_in1k"


@MODELS.register
class DenseNet201(BackboneModel):
    """18 million weights; made for 224 pixels, with torchvision's weights."""

    backbone_name = "densenet201.tv_in1k"
