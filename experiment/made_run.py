"""Runs that a room in ``tools/`` made of others: without weights, but the room knows what they predict."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Task
from inference.predict import Predictions
from utils.errors import ConfigError
from utils.registry import Registry

Again = Callable[[Path, Path | None], None]


class MadeRun:
    """A subclass is one file of a folder in ``tools/``.

    Attributes:
        called: what such a run is, with its article.
        file: a file in the run's folder that no other run has.
    """

    called: ClassVar[str]
    file: ClassVar[str]

    def predict(
        self,
        folder: Path,
        task: Task,
        images: EvalDataset,
        overrides: Sequence[str],
        again: Again,
        out: Path | None = None,
        *,
        prior: bool,
    ) -> tuple[Predictions, dict[str, str]]:
        """Return what such a run says of images, in their order, and which a member could not read.

        No image is read where members have predicted.

        Args:
            folder: the run's.
            task: the run's.
            images: to predict.
            overrides: texts such as ``paths.data=...``.
            again: lets the run of a folder predict these images; it writes there, or into the second folder.
            out: where the members write, each into a folder of its own; None = into theirs.
            prior: whether answers of members to images that they could not read are taken.

        Raises:
            ConfigError: a member is not there, or is another run by now.
        """
        raise NotImplementedError


MADE_RUNS: Registry[MadeRun] = Registry("kind of run", "tools.*")


def made_run(folder: Path) -> type[MadeRun] | None:
    """Return what made the run of a folder out of others; None: it was trained."""
    kinds = map(MADE_RUNS.get, MADE_RUNS.names())
    return next((kind for kind in kinds if (folder / kind.file).exists()), None)


def refuse_made(folder: Path, instead: str) -> None:
    """Refuse a run that has no weights, where these are needed; ``instead``: what its members are for.

    Raises:
        ConfigError: the run of the folder was made of others.
    """
    kind = made_run(folder)
    if kind is not None:
        raise ConfigError(f"{folder} is {kind.called}, without weights of its own: {instead}.")
