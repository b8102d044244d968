"""What follows when a submission was written: a room in ``tools/`` may look at it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset.tasks.base import Task
from experiment.outputs import Outputs
from experiment.settings import Settings
from utils.registry import Registry


class AfterSubmission:
    """A subclass is one file of a folder in ``tools/``."""

    def look(
        self,
        folder: Path,
        rows: Sequence[Mapping[str, str]],
        task: Task,
        settings: Settings,
        outputs: Outputs,
    ) -> None:
        """Look at the submission of a run.

        Args:
            folder: the run's.
            rows: the submission's, with the id first.
            task: as it decided them.
            settings: say where the data is.
            outputs: say where ``submission.csv`` was written.
        """
        raise NotImplementedError


AFTER_SUBMISSION: Registry[AfterSubmission] = Registry("look at a submission", "tools.*")
