"""The members of a run over folds as work for several workers."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiment.crew import PartedWork
from experiment.run_folder import CONFIG
from experiment.settings import Settings
from tools.workers.record import MemberRecord
from train.time_limit.clock import since_start
from utils.convert import as_text
from utils.cores import cores
from utils.durable import lock

log = logging.getLogger("podium")
_ENDS = 1.5  # seconds that a worker and then this process need to end, where nothing else runs


@dataclass(slots=True)
class Members(PartedWork):
    """What is left of a run over folds.

    Args:
        names: of the members.
        images: of the training table.
        workers: how many there are, among whom a time limit is shared.
    """

    folder: Path
    names: Sequence[str]
    settings: Settings
    images: int
    workers: int
    _known: dict[str, str] = field(default_factory=dict)  # what was said of each member

    @property
    def called(self) -> str:  # type: ignore[override]
        return f"{len(self.names)} members"

    @property
    def epochs(self) -> int:  # type: ignore[override]
        return len(self.names) * self.settings.train.epochs

    @property
    def deadline(self) -> float | None:
        """When all members have to be complete, as ``time.time()``; processes end after it."""
        limit = self.settings.train.time_limit
        if limit is None:
            return None
        return time.time() + limit.seconds - since_start() - _ENDS * busy()

    def arguments(self) -> list[str]:
        """Return the command line of a worker: what this process was told of where things are goes along."""
        arguments = ["--mode", "work", "--config", str(self.folder / CONFIG)]
        arguments += ["--run", str(self.folder.absolute()), "--share", str(self.workers)]
        if self.deadline is not None:
            arguments += ["--deadline", f"{self.deadline:.3f}"]

        paths, images = self.settings.paths, self.settings.images
        told = {
            "paths.data": paths.data,
            "paths.cache": paths.cache,
            "run.device": self.settings.run.device,
            "images.store": images.store,
            "images.store_budget": images.store_budget,
        }
        for key, value in told.items():
            arguments += ["--set", f"{key}={as_text(value)}"]
        return arguments

    def open(self) -> list[str]:
        """Return the names of the members that somebody still has to train."""
        return [name for name in self.names if self.record(name).is_open]

    def waiting(self) -> int:
        return len(self.open())

    def free(self) -> int:
        """Return how many members nobody trains, another machine included."""
        count = 0
        for name in self.open():
            with lock(self.folder / name / ".lock", wait=False) as mine:
                count += mine
        return count

    def done(self) -> int:
        return sum(map(self._epochs_of, self.names))

    def tell(self) -> None:
        for name in self.names:
            self._tell(name, self.record(name))

    def record(self, name: str) -> MemberRecord:
        """Return the record of a member."""
        return MemberRecord(self.folder / name)

    def _epochs_of(self, name: str) -> int:
        if self.record(name).is_finished:
            return self.settings.train.epochs  # also where it stopped early
        try:
            return (self.folder / name / "metrics.jsonl").read_bytes().count(b"\n")
        except OSError:
            return 0

    def _tell(self, name: str, record: MemberRecord) -> None:
        """Log what has become of a member, once."""
        if record.is_finished:
            news = "finished"
        elif (failure := record.failure) is not None:
            news = f"{'set aside' if failure.is_final else 'failed, and is tried once more'}: {failure.error}"
        else:
            news = f"trained by {record.worker}" if record.worker else ""
        if news and self._known.get(name) != news:
            self._known[name] = news
            log.info("%s: %s", name, news)


def busy() -> float:
    """Return how many times as long as alone everything takes on this machine: 1 where a core is free."""
    return max(1.0, os.getloadavg()[0] / cores())
