"""Keeps a line of numbers for each epoch."""

import json
from pathlib import Path

from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils.durable import write_text


@CALLBACKS.register
class History(Callback):
    """Writes ``metrics.jsonl``: one JSON object an epoch, every score of the task."""

    def __init__(self, *, folder: Path) -> None:
        self.path = folder / "metrics.jsonl"

    def on_fit_start(self, state: TrainState) -> None:
        if state.history:  # a resumed run: the checkpoint says what happened, not what stands there
            self._write(state)

    def on_epoch_kept(self, state: TrainState) -> None:
        self._write(state)

    def _write(self, state: TrainState) -> None:
        write_text(self.path, "".join(json.dumps(entry) + "\n" for entry in state.history))
