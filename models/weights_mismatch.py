"""Why a file of weights does not fit a backbone, as near as can be told."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor

from models.weights_file import Tensors
from models.weights_match import Match, classifiers_of, matches

_SHOWN = 3  # names of each side
_TRIED = 8  # other architectures
_TORCHVISION = ("features.0.0.", "conv_proj.", "encoder.layers.encoder_layer_0.", "trunk_output.")
_RUNNING = (".running_mean", ".running_var")
_OPTIMISER = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg")


def explained(
    path: Path,
    name: str,
    wanted: Mapping[str, Tensor],
    best: Match,
    surplus: Sequence[str],
    groups: Mapping[str, Tensors],
) -> str:
    """Return what is wrong: how many tensors are there, names of both sides, and the nearest explanation.

    Args:
        name: the backbone's.
        wanted: its tensors.
        best: how the file fits best.
        surplus: see ``Match.surplus``.
        groups: what is in the file.
    """
    missing = [key for key in wanted if key not in best.fitting]
    learnt = [key for key, tensor in best.tensors.items() if tensor.is_floating_point()]
    theirs = surplus or [key for key in learnt if key not in wanted] or learnt or list(best.tensors)
    lacking = f"In {name} only: {_shown(missing)}. " if missing else ""
    more = f", and {len(surplus)} that it has no place for" if surplus and not missing else ""
    return (
        f"[model] pretrained = {path}: {len(best.fitting)} of the {len(wanted)} tensors of {name} are there"
        f"{best.words}{more}, so none is loaded. {lacking}"
        f"In the file{' only' if best.fitting else ''}: {_shown(theirs)}. "
        f"{_explanation(path, name, wanted, best, surplus, groups)}"
    )


def _explanation(
    path: Path,
    name: str,
    wanted: Mapping[str, Tensor],
    best: Match,
    surplus: Sequence[str],
    groups: Mapping[str, Tensors],
) -> str:
    if all(tensor_name in _OPTIMISER for tensors in groups.values() for tensor_name in tensors):
        return "It holds the state of an optimiser without the model's weights: name the file with those."
    if any(tensor.is_complex() for tensor in best.tensors.values()):
        return "Its tensors are complex numbers, which no backbone here has."
    if not any(tensor.is_floating_point() for tensor in best.tensors.values()):
        return "Its tensors are whole numbers: quantised weights can't be trained. Take the ones before that."

    # Then by what is known of other nets.
    if (fitting := _architecture(path, name, groups)) is not None:
        return f"These are weights of another architecture: they fit backbone = {fitting}."
    if surplus and len(best.fitting) == len(wanted):
        return (
            "The others stand inside the backbone's parts: the file is of a larger architecture, of which "
            "this backbone would be a torso."
        )

    if best.others:
        lines = [
            f"{key} is {tuple(best.tensors[key].shape)} there and {tuple(wanted[key].shape)} here"
            for key in sorted(best.others)[:_SHOWN]
        ]
        return (
            f"Of other shapes under the same names: {len(best.others)} ({'; '.join(lines)}). They are of "
            "another size of this architecture, or of images of another size or number of colours."
        )

    if (prefixes := _prefixes_of(wanted, groups)) is not None:
        return (
            f"All names are there, but behind several prefixes ({_shown(prefixes)}): save the backbone's "
            "state_dict() alone, and name that file."
        )
    if any(key.startswith(_TORCHVISION) for key in best.tensors):
        return (
            "These look like torchvision's names, of a net that is not, layer by layer, what timm has under "
            "this name: take timm's own weights (pretrained = yes), or the backbone that they were made for."
        )

    if 2 * len(best.fitting) >= len(wanted):
        return _cut(wanted, best)
    return (
        "These are the names of another architecture or of another library: take the backbone that the "
        "weights were made for, or rename the tensors as timm names them."
    )


def _cut(wanted: Mapping[str, Tensor], best: Match) -> str:
    """Return why some tensors may be missing."""
    missing = [key for key in wanted if key not in best.fitting]
    if all(key.endswith(_RUNNING) for key in missing):
        return (
            "All that is missing are running means and variances of batch norms: the file has what "
            "model.parameters() gives. Save model.state_dict() instead."
        )
    return (
        f"The file lacks {len(missing)} tensors: it is of a smaller or a cut model, or was not saved whole."
    )


def _architecture(path: Path, name: str, groups: Mapping[str, Tensors]) -> str | None:
    """Return a backbone of timm's that the file fits whole: of the same family, or called like the file."""
    import timm
    from timm.models import model_entrypoint

    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):  # several backbones, or one of Podium's own
        return None
    family = timm.list_models(module=model_entrypoint(architecture).__module__.rpartition(".")[2])

    named = [known for known in timm.list_models() if len(known) > 5 and known in path.name.lower()]
    called = get_close_matches(path.stem.lower(), timm.list_models(), n=3, cutoff=0.5)
    near = get_close_matches(architecture, family, n=_TRIED, cutoff=0.0)

    candidates = [*sorted(named, key=len, reverse=True)[:3], *called, "resnet18", "resnet50", *near]
    for candidate in list(dict.fromkeys(candidates))[:_TRIED]:
        if candidate != architecture and _fits(candidate, groups):
            return candidate
    return None


def _fits(candidate: str, groups: Mapping[str, Tensors]) -> bool:
    import timm

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            other = timm.create_model(candidate, num_classes=0)
    except Exception:  # one that can't be made without numbers is no explanation
        return False
    wanted = {key: value for key, value in other.state_dict().items() if value.is_floating_point()}
    best = matches(groups, wanted)[0]
    return len(best.fitting) == len(wanted) and not best.surplus(wanted, classifiers_of(other))


def _prefixes_of(wanted: Mapping[str, Tensor], groups: Mapping[str, Tensors]) -> list[str] | None:
    """Return the prefixes behind which all wanted names stand, if these are several; else None."""
    for tensors in groups.values():
        before: dict[str, str] = {}
        for key in tensors:
            for start in (0, *(index + 1 for index, letter in enumerate(key) if letter in "./")):
                if key[start:] in wanted and key[start:] not in before:
                    before[key[start:]] = key[:start]
                    break
        if before.keys() == wanted.keys():
            return sorted(set(before.values()))
    return None


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
