"""Podium's real run, as ``python run.py`` makes it, with one callback more that a benchmark listens to."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import run
from benchmarks.data import own_paths
from dataset.batches import TrainBatches
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils import garbage

Listener = Callable[[str, TrainState], None]
_listener: list[Listener] = []  # of the run that goes on in this process


@CALLBACKS.register
class Probe(Callback):
    """Says ``epoch`` before each epoch, ``forward`` before its first batch goes into the model, ``step``
    after each step, ``trained`` after the last one of an epoch, before validation, and ``end``.
    """

    def __init__(self, *, batches: TrainBatches) -> None:
        self.batches = batches

    def on_epoch_start(self, state: TrainState) -> None:
        _say("epoch", state)

        def first_forward(*_: Any) -> None:
            handle.remove()
            _say("forward", state)

        handle = state.model.register_forward_pre_hook(first_forward)

    def on_step_end(self, state: TrainState) -> None:
        _say("step", state)
        if state.batch == len(self.batches):
            if state.loss_sum.is_cuda:
                torch.cuda.synchronize()
            _say("trained", state)

    def on_fit_end(self, state: TrainState) -> None:
        _say("end", state)


def podium(
    root: Path, *arguments: str, listener: Listener | None = None, overrides: Sequence[str] = ()
) -> None:
    """Do what ``python run.py`` does with ``root/config.ini`` and these arguments, in this process.

    Args:
        overrides: what is given with ``--set``.

    Raises:
        RuntimeError: it did not end well.
    """
    _listener[:] = [listener] if listener else []
    garbage.put_off()  # as run.py does when it is the program
    if code := run.main(command(root, *arguments, overrides=overrides)):
        raise RuntimeError(f"run.py {' '.join(arguments)} ended with {code}")


def command(root: Path, *arguments: str, overrides: Sequence[str] = ()) -> list[str]:
    """Return the arguments of ``run.py`` for ``root/config.ini``."""
    texts = [*own_paths(root), *overrides]
    return [
        "--config",
        f"{root}/config.ini",
        *arguments,
        *(part for text in texts for part in ("--set", text)),
    ]


def leave() -> None:
    """End this process in the middle of a run, which has nothing to finish."""
    os._exit(0)


def _say(moment: str, state: TrainState) -> None:
    for listener in _listener:
        listener(moment, state)
