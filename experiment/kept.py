"""What a run's folder keeps of its training: the state to go on from, and the weights of its best epoch."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from train import checkpoint
from train.monitor import Monitor
from train.state import TrainState
from utils.errors import DataError, ResumableStop

log = logging.getLogger("podium")
_FOLDER = "checkpoints"
KeptState = dict[str, Any]


def state_to_resume(folder: Path, monitor: Monitor) -> KeptState | None:
    """Return the newest state of a run that is whole, and whose best weights are; None: it has none yet.

    Where the best weights are damaged, an older state trains them again.

    Raises:
        ResumableStop: it has kept states, but there is none to go on from.
    """
    kept = folder / _FOLDER
    best = [values["scores"] for values in checkpoint.generations(kept, "best") if _is_best(values)]

    for state in checkpoint.generations(kept, "last"):
        if not _is_state(state, monitor):
            log.warning("A checkpoint in %s is not one of Podium's: trying the one before.", kept)
            continue
        history = state["history"]
        if not history or history[monitor.best(history)] in best:
            return state
        log.warning(
            "The weights of epoch %d, the best so far, are damaged or gone: going on from the state before, "
            "to train them again.", history[monitor.best(history)]["epoch"],
        )  # fmt: skip

    if not checkpoint.was_saved(kept, "last"):  # stopped before its first checkpoint
        return None
    raise ResumableStop(
        f"{kept} holds no state to go on from: what is there is damaged. Bring it back from a copy, or "
        "delete that folder: the run then trains from its beginning, to the same result."
    )


def best_of(folder: Path, entry: KeptState) -> KeptState:
    """Return the checkpoint of the epoch whose numbers are ``entry``; no other epoch's is taken for it.

    Raises:
        ResumableStop: it can't be read.
    """
    best = _best(folder, lambda scores: scores == entry)
    if best is None:
        raise ResumableStop(
            f"{folder / _FOLDER}: the weights of epoch {entry['epoch']:g}, the best one, are damaged or gone."
        )
    return best


def best_of_epoch(folder: Path, epoch: int) -> KeptState:
    """Return the checkpoint of a finished run's best epoch.

    Raises:
        DataError: it can't be read.
    """
    best = _best(folder, lambda scores: scores["epoch"] == epoch)
    if best is None:
        raise DataError(
            f"{folder / _FOLDER}: the weights of epoch {epoch}, the best one, are damaged or gone. Bring "
            "them back from a copy (with --mode pull, if they were pushed), or train the run again."
        )
    return best


def give_weights(model: nn.Module, best: KeptState, folder: Path) -> None:
    """Give a model the weights of a checkpoint.

    Raises:
        DataError: they are those of another model.
    """
    with _naming_other_models(folder):
        model.load_state_dict(best["model"])


def restore(state: TrainState, saved: KeptState, folder: Path) -> None:
    """Put a run where its checkpoint says.

    Raises:
        DataError: it is that of another model or optimiser.
    """
    with _naming_other_models(folder):
        state.load_state_dict(saved)


def _best(folder: Path, fits: Callable[[KeptState], bool]) -> KeptState | None:
    for values in checkpoint.generations(folder / _FOLDER, "best"):
        if _is_best(values) and fits(values["scores"]):
            return values
    return None


@contextmanager
def _naming_other_models(folder: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error).strip().replace("\n\t", " ")
        raise DataError(
            f"{folder / _FOLDER} holds a checkpoint of another model than {folder / 'config.ini'} describes: "
            f"{reason[:400]}"
        ) from error


def _is_best(values: KeptState) -> bool:
    model, scores = values.get("model"), values.get("scores")
    return _is_named(model, Tensor) and _is_named(scores, int | float) and "epoch" in (scores or {})


def _is_state(values: KeptState, monitor: Monitor) -> bool:
    history = values.get("history")
    counts = [values.get(name) for name in ("epoch", "batch", "step")]
    return (
        isinstance(history, list)
        and all(
            _is_named(entry, int | float) and {"epoch", monitor.name} <= entry.keys() for entry in history
        )
        and all(isinstance(count, int) and count >= 0 for count in counts)
    )


def _is_named(values: Any, kind: Any) -> bool:
    return isinstance(values, dict) and all(isinstance(value, kind) for value in values.values())
