"""A run as MLflow shows it: its config, the scores of each epoch, and its files."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset.tasks.base import Task
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.outbox import Outbox
from train.pictures.epoch import epoch_pictures
from train.state import TrainState
from train.validator import Validator
from utils.convert import Few
from utils.durable import lock, write_json
from utils.errors import ConfigError, DataError
from utils.forms import TEXT
from utils.ini import read_ini
from utils.read_json import read_json

ID = "mlflow.json"  # in a run's folder: which MLflow run it is, so that a resumed one goes on with it
_BATCH = 100  # metrics or parameters in a request
_LONGEST = 500  # characters of a parameter
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_FILES = ("config.ini", "environment.json", "class_table.csv", "split.csv", "metrics.jsonl")


@CALLBACKS.register
class MLflow(Callback):
    """Tell a team's MLflow server of the run; it needs the extra `mlflow`.

    A server that is away stops nothing: what it missed is sent when it is back, at the latest at the end.
    A run over folds is one MLflow run with the members inside it. The submission follows with --mode infer.

    Args:
        url: of the server, such as http://server:5000; also sqlite:///mlflow.db.
        experiment: the name under which the runs of a competition stand together.
        worst: how many of the worst mistakes are shown.
    """

    def __init__(
        self,
        *,
        folder: Path,
        task: Task,
        validator: Validator,
        url: str,
        experiment: str = "podium",
        worst: Few = 24,
    ) -> None:
        self.folder, self.task, self.validator, self.worst = folder, task, validator, worst
        self._tracker = Tracker(url, experiment)
        self._outbox = Outbox("MLflow")
        self._sent = 0  # epochs of the history

    def on_fit_start(self, state: TrainState) -> None:
        self._outbox.send(lambda: self._catch_up(state))

    def on_epoch_kept(self, state: TrainState) -> None:
        self._outbox.send(lambda: self._catch_up(state))

    def on_fit_end(self, state: TrainState) -> None:
        if self._outbox.send(lambda: self._catch_up(state), last=True):
            self._outbox.send(lambda: self._finish(state), last=True)

    def _catch_up(self, state: TrainState) -> None:
        """Send the epochs that the server does not have yet; a second time changes nothing there."""
        run = self._tracker.run_of(self.folder)
        for entry in state.history[self._sent :]:
            self._tracker.scores(run, entry)
            self._sent += 1

    def _finish(self, state: TrainState) -> None:
        run = self._tracker.run_of(self.folder)
        for name in _FILES:
            if (self.folder / name).is_file():
                self._tracker.client.log_artifact(run, str(self.folder / name))
        if state.predictions is not None:
            for name, picture in epoch_pictures(self.task, state.predictions, self.validator, self.worst):
                file = re.sub(r"[^\w -]", "_", name)
                self._tracker.client.log_image(run, picture, artifact_file=f"pictures/{file}.png")
        self._tracker.client.set_terminated(run)


class Tracker:
    """MLflow's client, and which of its runs a folder is.

    Raises:
        ConfigError: it is not installed.
    """

    def __init__(self, url: str, experiment: str) -> None:
        for name, value in _PATIENCE.items():  # its own would let an epoch wait for minutes
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise ConfigError(
                "[callback.MLflow] needs MLflow: pip install -r requirements-mlflow.txt"
            ) from None
        self.url, self._experiment = url, experiment
        self.client: Any = MlflowClient(tracking_uri=url)

    def run_of(self, folder: Path) -> str:
        """Return the MLflow run of a folder, made where there is none yet."""
        with lock(folder / ".mlflow.lock", wait=True):  # members that begin together share a parent
            run = known_run(folder, self.url)
            if run is None:
                run = self._new_run(folder)
                write_json(folder / ID, {"url": self.url, "experiment": self._experiment, "run": run})
        return run

    def scores(self, run: str, entry: Mapping[str, float]) -> None:
        """Send the numbers of an epoch."""
        from mlflow.entities import Metric

        epoch = int(entry["epoch"])
        metrics = [Metric(_key(name), value, epoch, epoch) for name, value in entry.items()]
        for first in range(0, len(metrics), _BATCH):
            self.client.log_batch(run, metrics=metrics[first : first + _BATCH])

    def _new_run(self, folder: Path) -> str:
        whole = folder.parent if (folder.parent / "config.ini").is_file() else None  # of a member
        tags = {"mlflow.runName": folder.name if whole else "/".join(folder.absolute().parts[-2:])}
        if whole is not None:
            tags["mlflow.parentRunId"] = self.run_of(whole)
        run: str = self.client.create_run(self._experiment_id(), tags=tags).info.run_id
        self._parameters(run, folder)
        return run

    def _experiment_id(self) -> str:
        there = self.client.get_experiment_by_name(self._experiment)
        made: str = there.experiment_id if there else self.client.create_experiment(self._experiment)
        return made

    def _parameters(self, run: str, folder: Path) -> None:
        from mlflow.entities import Param

        sections = read_ini(folder / "config.ini").values()
        parameters = [
            Param(_key(f"{section.name}.{key}"), value.text[:_LONGEST])
            for section in sections
            for key, value in section.values.items()
        ]
        for first in range(0, len(parameters), _BATCH):
            self.client.log_batch(run, params=parameters[first : first + _BATCH])


def known_run(folder: Path, url: str | None = None) -> str | None:
    """Return the MLflow run that a folder is on a server; None: it is not there yet."""
    try:
        known = read_json(folder / ID, form={"url": TEXT, "run": TEXT}, needs=("url", "run"))
    except DataError:
        return None
    run: str = known["run"]
    return run if url in (None, known["url"]) else None


def _key(name: str) -> str:
    """Return a name as MLflow takes it."""
    return re.sub(r"[^\w./ :-]", "_", name)
