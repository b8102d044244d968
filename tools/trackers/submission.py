"""Sends a submission to the MLflow run that its run is."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset.tasks.base import Task
from experiment.after_submission import AFTER_SUBMISSION, AfterSubmission
from experiment.outputs import Outputs
from experiment.settings import Settings
from inference.scores_file import FILE
from train.callbacks.mlflow import ID, Tracker, known_run
from train.callbacks.outbox import Outbox
from utils.errors import ConfigError
from utils.read_json import read_json

log = logging.getLogger("podium")


@AFTER_SUBMISSION.register
class SubmissionToMLflow(AfterSubmission):
    """Put submission.csv and scores.json beside what the server has of the run already."""

    def look(
        self,
        folder: Path,
        rows: Sequence[Mapping[str, str]],
        task: Task,
        settings: Settings,
        outputs: Outputs,
    ) -> None:
        run = known_run(folder)
        if run is None:
            return
        try:
            known = read_json(folder / ID)
            client = Tracker(known["url"], known.get("experiment", "podium")).client
        except ConfigError as error:
            log.warning("The submission is not sent to MLflow: %s", error)
            return
        for path in (outputs.folder(folder) / task.form.file, folder / FILE):
            if path.is_file():
                Outbox("MLflow").send(lambda file=str(path): client.log_artifact(run, file), last=True)  # type: ignore[misc]
