"""A run's row in TensorBoard's HParams tab: what its config says, and its best scores so far."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.callbacks.events import Events
from train.monitor import Monitor
from train.state import TrainState

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary


class HParamsRow:
    """Written into a folder of its own, so that the tab's columns are these scores and no others.

    No list of columns is written: TensorBoard takes the first that it finds for that of all runs, and makes
    one of what all of them have where there is none.

    Args:
        folder: of TensorBoard's files.
        values: texts of the config, by ``section.key``.
        scores: the names of those that are shown; the monitored one comes first.
    """

    def __init__(
        self, folder: Path, values: Mapping[str, str], scores: Sequence[str], monitor: Monitor
    ) -> None:
        self._folder, self._values, self._monitor = folder / "hparams", values, monitor
        self._scores = tuple(dict.fromkeys((monitor.name, *scores)))
        self._events: Events | None = None
        self._written = -1  # the best epoch that is shown

    def update(self, state: TrainState) -> None:
        """Show the best epoch, if it is a new one."""
        best = self._monitor.best(state.history)
        if best < 0 or best == self._written:
            return
        entry, self._written = state.history[best], best
        events = self._opened()
        for name in self._scores:
            if name in entry:
                events.add_scalar(f"best/{name}", entry[name], best + 1)
        events.flush()

    def close(self, *, complete: bool) -> None:
        """Say how the run ended: its training is complete, or it was stopped and can be gone on with."""
        if self._events is None:
            return
        if complete:
            self._events.add_summary(_ended_well(), 0)
        self._events.close()
        self._events = None

    def _opened(self) -> Events:
        """Return the writer of the row, which begins with the config; an epoch is over by then."""
        if self._events is None:
            from tensorboard.plugins.hparams import summary_v2

            self._events = Events(self._folder, purge_step=0)
            values = {key: _typed(text) for key, text in self._values.items()}
            row = str(self._folder.parent.absolute())  # else runs with equal configs would share one
            self._events.add_summary(summary_v2.hparams_pb(values, trial_id=row), 0)
        return self._events


def _ended_well() -> "Summary":
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    end = SessionEndInfo(status=Status.STATUS_SUCCESS, end_time_secs=time.time())
    content = metadata.create_summary_metadata(HParamsPluginData(session_end_info=end))
    tag = metadata.SESSION_END_INFO_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=content, tensor=metadata.NULL_TENSOR)])


def _typed(text: str) -> float | bool | str:
    """Return a number or a truth where a text is one, so that the tab sorts and draws it as such."""
    if text in ("yes", "no"):
        return text == "yes"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
