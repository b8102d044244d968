"""torchvision's weights for timm's backbones, where both are the same net under other names."""

from collections.abc import Mapping
from difflib import SequenceMatcher

import torch
from torch import Tensor, nn

from models.weights_file import Tensors
from models.weights_match import Match, matches

_TRIED = 10  # of torchvision's models, the likeliest first
_CLASSIFIERS = ("classifier.", "fc.", "heads.", "head.", "AuxLogits.", "aux1.", "aux2.")
_BEGINNINGS = ("features.", "trunk_output.", "Conv2d_1a_3x3.")  # of names that timm has otherwise
_MOST_OF_CLASSIFIER = 8  # tensors
_TOO_LARGE = ("regnet_y_128gf",)  # 3 GB
_IMAGES = 2
_SIDE = 64  # pixels of the images that both nets are held against each other on
_NEAR = 1e-3  # of the largest feature


def as_timm(groups: Mapping[str, Tensors], backbone: nn.Module, wanted: Mapping[str, Tensor]) -> Match | None:
    """Return how a file of torchvision's fits, by timm's names; None if it is none, or of another net.

    Both name their tensors in the order of the layers. That they do so alike is not taken on trust:
    torchvision's own net with these weights and the backbone with what was matched have to see the same
    features in the same images.
    """
    for match in matches(groups, wanted)[:3]:
        if not any(name.startswith(_BEGINNINGS) for name in match.tensors):
            continue
        learnt = sum(tensor.is_floating_point() for tensor in match.tensors.values())
        if not 0 <= learnt - len(wanted) <= _MOST_OF_CLASSIFIER:
            continue
        net = _net_of(match.tensors, backbone)
        if net is None:
            continue
        renamed = _in_order(net, wanted)
        if renamed is not None and _same_features(net, backbone, renamed):
            return Match(match.keys, match.prefix, renamed, frozenset(wanted), frozenset())
    return None


def _net_of(tensors: Tensors, backbone: nn.Module) -> nn.Module | None:
    """Return torchvision's net whose names these are, with these weights, without its last layer."""
    from torchvision import models

    architecture = str((getattr(backbone, "pretrained_cfg", None) or {}).get("architecture", ""))
    known = models.list_models(module=models)
    likely = sorted(known, key=lambda name: -SequenceMatcher(None, name, architecture).ratio())
    for name in [name for name in likely if name not in _TOO_LARGE][:_TRIED]:
        shapes = _shapes(name)
        if shapes.keys() != tensors.keys():
            continue
        trunk = [key for key in shapes if not key.startswith(_CLASSIFIERS)]
        if any(shapes[key] != tensors[key].shape for key in trunk):
            continue
        last = [key for key in shapes if key.endswith(".weight")][-1]
        with torch.random.fork_rng(devices=[]):
            net: nn.Module = models.get_model(name, num_classes=len(tensors[last]))
        try:
            net.load_state_dict(tensors)
        except (RuntimeError, ValueError):  # MNASNet wants to know which version of torchvision wrote them
            return None
        net.set_submodule(last.removesuffix(".weight"), nn.Identity())
        return net.eval()
    return None


def _shapes(name: str) -> dict[str, torch.Size]:
    from torchvision import models

    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                net = models.get_model(name)
        except NotImplementedError:  # RegNets draw numbers while they are made
            net = models.get_model(name)
    return {key: value.shape for key, value in net.state_dict().items()}


def _in_order(net: nn.Module, wanted: Mapping[str, Tensor]) -> Tensors | None:
    """Return the tensors of torchvision's net by the names at the same places; None if sizes differ."""
    theirs = [value for value in net.state_dict().values() if value.is_floating_point()]
    if len(theirs) != len(wanted):
        return None
    pairs = list(zip(wanted, wanted.values(), theirs, strict=True))
    if any(_squeezed(mine) != _squeezed(other) for _, mine, other in pairs):
        return None
    return {name: other.reshape(mine.shape) for name, mine, other in pairs}


def _squeezed(tensor: Tensor) -> list[int]:
    """Return the shape without sides of 1: a linear layer may stand there as a convolution of 1 x 1."""
    return [side for side in tensor.shape if side > 1]


@torch.no_grad()
def _same_features(net: nn.Module, backbone: nn.Module, renamed: Tensors) -> bool:
    """Tell whether both nets see the same in the same images; the backbone's weights stay as they are."""
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    training = backbone.training
    backbone.load_state_dict(renamed, strict=False)
    images = torch.rand(_IMAGES, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    try:
        mine, theirs = backbone.eval()(images), net(images)
        near = _NEAR * float(theirs.abs().max())
        return mine.shape == theirs.shape and bool(torch.allclose(mine, theirs, rtol=0, atol=near))
    except (RuntimeError, AssertionError, ValueError):
        return False  # one of them takes images of another size only
    finally:
        backbone.load_state_dict(before)
        backbone.train(training)
