"""Where workers run: a class for each engine that can start them, chosen by [workers] starter."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from experiment.crew import PartedWork
from experiment.section import Section
from experiment.settings import Settings
from utils.errors import ConfigError, unknown_name
from utils.registry import Registry

ALL = 1000  # workers: as many as there are parts of a work


@dataclass(frozen=True, slots=True)
class Slots:
    """So many workers with so many threads each.

    Attributes:
        gpus: as CUDA_VISIBLE_DEVICES names them; none on a CPU.
    """

    count: int
    threads: int
    gpus: tuple[str, ...] = ()

    def environment(self, number: int) -> dict[str, str]:
        """Return the variables that give a worker its slot."""
        threads = str(self.threads)
        variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        if self.gpus:
            variables["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        return variables


class Started:
    """A worker that was started.

    Args:
        number: of its slot.
    """

    def __init__(self, number: int) -> None:
        self.number = number

    def code(self) -> int | None:
        """Return its exit code once it has ended, below 0 of one that was killed."""
        raise NotImplementedError

    def words(self) -> str:
        """Return what it has printed."""
        raise NotImplementedError

    def ended_by(self, code: int) -> str:
        """Return what happened to one that was killed, as the end of a sentence."""
        return f"was ended by {signal.Signals(-code).name}"

    def stop(self) -> None:
        """Ask it to keep its state and end."""
        raise NotImplementedError

    def kill(self) -> None:
        """End it."""
        raise NotImplementedError

    def close(self, *, well: bool) -> None:
        """Let go of what it needed; ``well``: it has done its work, so nobody asks for its words."""


class Starter:
    """A subclass is one file of this folder.

    Attributes:
        section: of a config, which is in the same file; None: it needs none.
    """

    section: ClassVar[type[Section] | None] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def slots(self, here: Slots, began: int | None) -> Slots:
        """Return how many workers there are at a time, and their threads.

        Args:
            here: one worker of this machine.
            began: the threads with which a run that goes on began.

        Raises:
            ConfigError: the engine can't be used.
        """
        raise NotImplementedError

    def begin(self, work: PartedWork) -> None:
        """Make ready for workers of this work.

        Raises:
            ConfigError: it can't be done by them.
        """

    def start(self, work: PartedWork, slots: Slots, numbers: Sequence[int]) -> list[Started]:
        """Start a worker in each of these slots; fewer where nothing is left to take."""
        raise NotImplementedError

    def end(self, work: PartedWork) -> None:
        """Tidy up when all is done."""


STARTERS: Registry[Starter] = Registry("starter", "tools.workers")


@dataclass(frozen=True, slots=True)
class StarterName:
    """The name of a starter's class, which a config says in lower case."""

    name: str

    @classmethod
    def from_text(cls, text: str) -> "StarterName":
        """Return the starter that ``text`` names.

        Raises:
            ValueError: there is none of that name.
        """
        names = {name.lower(): name for name in STARTERS.names()}
        if text.lower() not in names:
            raise ValueError(unknown_name("starter", text, names))
        return cls(names[text.lower()])

    @classmethod
    def allowed(cls) -> str:
        """Return the names, for ``--mode list``."""
        return ", ".join(map(str.lower, STARTERS.names()))

    def __str__(self) -> str:
        return self.name.lower()


PROCESSES = StarterName("Processes")


def not_installed(starter: str, package: str) -> ConfigError:
    """Return the error that says what to install."""
    return ConfigError(
        f"[workers] starter = {starter} needs {package}: pip install -r requirements-cluster.txt"
    )
