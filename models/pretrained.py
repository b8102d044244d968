"""The one door for pretrained weights, of a file or the hub: every tensor of a backbone comes from them."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.torchvision_weights import as_timm
from models.weights_file import read_weights
from models.weights_match import Convert, Match, classifiers_of, matches
from models.weights_mismatch import explained
from utils.errors import ConfigError

log = logging.getLogger("podium")
_SHOWN = 3  # names of each side


def demanded(backbone: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a backbone that weights must have: all that is learnt, its classifier apart.

    Counters of batch norms and tables of places are whole numbers, and not learnt.
    """
    classifiers = classifiers_of(backbone)
    return {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if tensor.is_floating_point() and not name.startswith(classifiers or "\0")
    }


def load_file_into(
    backbone: nn.Module, path: Path, name: str, convert: Convert | None = None, *, advice: str = ""
) -> None:
    """Give a backbone the weights of a file, and say how many tensors these are.

    Args:
        name: the backbone's, for messages.
        convert: see ``matches``.
        advice: what else may be meant, where the file does not fit.

    Raises:
        ConfigError: the file is none of weights, or lacks a tensor of the backbone; nothing is loaded.
    """
    wanted, groups = demanded(backbone), read_weights(path)
    fits = matches(groups, wanted, convert)
    best = fits[0]
    if len(best.fitting) < len(wanted):
        best = as_timm(groups, backbone, wanted) or best

    surplus = best.surplus(wanted, classifiers_of(backbone))
    if surplus or len(best.fitting) < len(wanted):
        raise ConfigError(explained(path, name, wanted, best, surplus, groups) + advice)
    _check_finite(best, path)
    _check_learnt(best, path)

    load(backbone, best.tensors, best.fitting)
    log.info("%d of %d tensors from %s%s", len(best.fitting), len(wanted), path.name, best.words)
    if rivals := [match for match in fits[1:] if match.fitting == best.fitting and _differ(match, best)]:
        log.info("%s has other weights too that fit%s: these were not taken.", path.name, rivals[0].words)


def load_own(backbone: nn.Module, pretrained: bool | Path, name: str, *, fresh: bool) -> None:
    """Give a net of Podium's own the weights of a file, if there is one.

    Raises:
        ValueError: weights of the hub are asked for.
        ConfigError: see ``load_file_into``.
    """
    if pretrained is True:
        raise ValueError(
            f"pretrained = yes: the hub has no weights of {name}; name a finished run of it, or write no"
        )
    if fresh and isinstance(pretrained, Path):
        load_file_into(backbone, pretrained, name)


def load(backbone: nn.Module, tensors: Mapping[str, Tensor], names: frozenset[str]) -> None:
    """Copy these tensors, and what is not learnt where it has the right shape."""
    state = backbone.state_dict()
    taken = {
        name: tensors[name]
        for name in state
        if name in names
        or (
            name in tensors
            and not state[name].is_floating_point()
            and state[name].shape == tensors[name].shape
        )
    }
    backbone.load_state_dict(taken, strict=False)


def check_loaded(backbone: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Refuse weights of the hub that lack a tensor; say how many were loaded.

    Raises:
        ConfigError: names what is missing.
    """
    wanted = demanded(backbone)
    loaded = [key for key in wanted if key in tensors and tensors[key].shape == wanted[key].shape]
    missing = [key for key in wanted if key not in set(loaded)]
    if missing:
        raise ConfigError(
            f"The hub's weights for {name} are not whole: {len(loaded)} of {len(wanted)} tensors, without "
            f"{', '.join(missing[:_SHOWN])}. Take another tag of it, or pretrained = PATH."
        )
    licence = (getattr(backbone, "pretrained_cfg", None) or {}).get("license")
    terms = f" (licence: {licence})" if licence else ""
    log.info("%d of %d tensors from the hub's weights for %s%s", len(loaded), len(wanted), name, terms)


def _check_finite(match: Match, path: Path) -> None:
    for name in sorted(match.fitting):
        if not bool(torch.isfinite(match.tensors[name].float()).all()):
            raise ConfigError(
                f"[model] pretrained = {path}: {name} holds numbers that are not finite (NaN or infinity): "
                "its training had failed, or the file is damaged. Take another file."
            )


def _check_learnt(match: Match, path: Path) -> None:
    """Refuse weights of which most are one number: no image is seen through a file of zeros."""
    matrices = [match.tensors[name] for name in sorted(match.fitting) if match.tensors[name].ndim > 1]
    flat = [tensor for tensor in matrices if bool((tensor == tensor.flatten()[0]).all())]
    if 2 * len(flat) > len(matrices):
        raise ConfigError(
            f"[model] pretrained = {path}: {len(flat)} of its {len(matrices)} matrices hold one number "
            "throughout, such as 0: nothing was learnt in it, or it was not written whole. Take another file."
        )


def _differ(match: Match, other: Match) -> bool:
    return any(not torch.equal(match.tensors[name], other.tensors[name]) for name in match.fitting)
