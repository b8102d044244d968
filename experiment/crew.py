"""Who does what can be parted: this process one part after another, or workers of a room in ``tools/``."""

from pathlib import Path

from experiment.assemble import Experiment
from experiment.cross_validation import CrossValidation
from experiment.settings import Settings
from utils.registry import Registry


class PartedWork:
    """What workers take parts of, such as the trials of a sweep; all of them get the same command line.

    Attributes:
        folder: where workers leave what they print.
        called: how many parts there are, in words.
        epochs: of all parts together.
    """

    folder: Path
    called: str
    epochs: int

    def arguments(self) -> list[str]:
        """Return the command line of a worker, which ends when it finds nothing to do."""
        raise NotImplementedError

    def waiting(self) -> int:
        """Return how many parts are not finished."""
        raise NotImplementedError

    def free(self) -> int:
        """Return how many of these a new worker could take."""
        raise NotImplementedError

    def done(self) -> int:
        """Return how many epochs are over."""
        raise NotImplementedError

    def tell(self) -> None:
        """Log what is new."""


class Crew:
    """A subclass is one file of a folder in ``tools/``.

    Attributes:
        several: whether there is more than this process to do something.
        workers: how many there are at a time.
    """

    several: bool = False
    workers: int = 1

    @classmethod
    def wanted(cls, settings: Settings) -> bool:
        """Tell whether a config asks for it."""
        raise NotImplementedError

    def prepare(self, experiment: Experiment, folder: Path | None) -> Experiment:
        """Return the experiment of a run as its config is kept, before an image is read.

        Args:
            folder: of a run that goes on; None = of a new one.

        Raises:
            ConfigError: the config asks for what can't be.
        """
        raise NotImplementedError

    def deal_out(self, experiment: Experiment, began: int | None) -> Experiment:
        """Return an experiment whose config keeps the threads of each of several workers.

        Args:
            began: the threads with which what goes on began.

        Raises:
            ConfigError: the config asks for more workers than there is room for.
        """
        raise NotImplementedError

    def train(self, group: CrossValidation, folder: Path) -> None:
        """Train the members of a run that are not finished, and join them; its folder is held."""
        raise NotImplementedError

    def do(self, work: PartedWork, settings: Settings) -> None:
        """Let workers do all parts of a work.

        Raises:
            ResumableStop: they end again and again without getting anything further.
        """
        raise NotImplementedError


CREWS: Registry[Crew] = Registry("crew", "tools.*")


def crew_of(settings: Settings) -> Crew | None:
    """Return who does what can be parted; None: this process, one part after another."""
    kinds = map(CREWS.get, CREWS.names())
    return next((kind() for kind in kinds if kind.wanted(settings)), None)
