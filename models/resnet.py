"""ResNets (He et al., 2015, https://arxiv.org/abs/1512.03385), with torchvision's weights."""

from models.base import MODELS, BackboneModel


@MODELS.register
class ResNet18(BackboneModel):
    """11 million weights: the first model to try."""

    backbone_name = "resnet18.tv_in1k"


@MODELS.register
class ResNet50(BackboneModel):
    """24 million weights."""

    backbone_name = "resnet50.tv_in1k"


@MODELS.register
class ResNet152(BackboneModel):
    """58 million weights: one half of a published final ensemble."""

    backbone_name = "resnet152.tv_in1k"
