"""Who trains the members of a run over folds: this process one after another, or a room in ``tools/``."""

from pathlib import Path

from experiment.assemble import Experiment
from experiment.cross_validation import CrossValidation
from experiment.settings import Settings
from utils.registry import Registry


class Crew:
    """A subclass is one file of a folder in ``tools/``."""

    @classmethod
    def wanted(cls, settings: Settings) -> bool:
        """Tell whether a config asks for it."""
        raise NotImplementedError

    def prepare(self, experiment: Experiment, folder: Path | None) -> Experiment:
        """Return the experiment as its config is kept, before an image is read.

        Args:
            folder: of a run that goes on; None = of a new one.

        Raises:
            ConfigError: the config asks for what can't be.
        """
        raise NotImplementedError

    def train(self, group: CrossValidation, folder: Path) -> None:
        """Train the members of a run that are not finished, and join them; its folder is held."""
        raise NotImplementedError


CREWS: Registry[Crew] = Registry("crew", "tools.*")


def crew_of(settings: Settings) -> Crew | None:
    """Return who trains the members of a run; None: this process, one after another."""
    kinds = map(CREWS.get, CREWS.names())
    return next((kind() for kind in kinds if kind.wanted(settings)), None)
