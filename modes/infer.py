"""Predicts the organiser's eval images with a finished run."""

import json
import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

from dataset.task import TASKS, Task, Tuning
from inference.inferrer import Inferrer
from inference.submission import histogram
from modes.assemble import Experiment
from modes.mode import MODES, Mode
from modes.read_settings import check, read_sections
from modes.run_folder import FINISHED, find_run
from modes.settings import HERE
from modes.train import load_best
from utils.errors import ConfigError
from utils.ini import Value, override, put, read_ini
from utils.logs import logged_to
from utils.metrics import in_words

log = logging.getLogger("podium")
_MOST_SHOWN = 30  # columns whose values are counted in the log


@MODES.register
class Infer(Mode):
    """Write submission.csv with the newest finished run of [run] name, or with --run VERSION or PATH."""

    def run(self, arguments: Namespace) -> None:
        if arguments.resume:
            mode = type(self).__name__.lower()
            raise ConfigError(f"--resume goes on with training; it has no meaning with --mode {mode}.")
        sections = read_sections(arguments.config, arguments.overrides)
        here = check(sections, str(arguments.config))
        folder = find_run(here.paths.runs, here.run.name, arguments.run, finished=True)
        # What was trained is the run's; where things are and how fast it goes is today's.
        trained = read_ini(folder / "config.ini")
        free = TASKS.get(trained["task"].values["name"].text).at_inference
        of_task = [text for text in arguments.overrides if _key(text) in [f"task.{key}" for key in free]]
        for text in arguments.overrides:
            if text not in of_task and text.partition(".")[0] not in (*HERE, "run"):
                raise ConfigError(
                    f"--set {text} belongs to training; {folder} was trained with its own config.ini."
                )
        override(trained, of_task)
        trained |= {name: sections[name] for name in HERE if name in sections}
        put(trained, "run", "device", Value(here.run.device, "[run] device"))
        experiment = Experiment.of(check(trained, str(folder / "config.ini")))
        with logged_to(folder / "log.txt"):
            self._predict(experiment, folder)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        best, finished = finished_run(folder)
        log.info(
            "Predicting with %s: epoch %d, validation %s.", folder, best["scores"]["epoch"],
            ", ".join(f"{in_words(name)} {best['scores'][name]:.4f}" for name in experiment.task.main_scores),
        )  # fmt: skip
        images, batches = experiment.eval_data()
        model = experiment.model(fresh=False)
        model.load_state_dict(best["model"])
        task = _tuned(experiment.task, finished.get("tuning", {}), folder)
        rows = Inferrer(task, images, batches, experiment.precision).write(model, folder)
        for column, values in list(task.allowed.items())[:_MOST_SHOWN]:
            counts = histogram(rows, column, values)
            shown = "  ".join(f"{value}:{n}" for value, n in zip(values, counts, strict=True))
            log.info("%s  %s", column, shown)
        log.info("Submission:    %s (%d rows)", folder / "submission.csv", len(rows))
        log.info("Probabilities: %s", folder / "test_predictions.csv")


def finished_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the checkpoint of a finished run's best epoch, and what is in its scores.json.

    Raises:
        ConfigError: that checkpoint can't be read.
    """
    best = load_best(folder)
    finished: dict[str, Any] = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
    if best["scores"]["epoch"] != finished["best_epoch"]:
        raise ConfigError(f"{folder}: the checkpoint of its best epoch is damaged. Train it again.")
    return best, finished


def _key(text: str) -> str:
    return text.partition("=")[0].strip().lower()


def _tuned(task: Task, tuning: Tuning, folder: Path) -> Task:
    try:
        return task.tuned(tuning)
    except ValueError as error:
        raise ConfigError(f"{folder / FINISHED}: {error}. Train it again.") from None
