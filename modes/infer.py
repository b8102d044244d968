"""Predicts the organiser's eval images with a finished run."""

import json
import logging
from argparse import Namespace
from pathlib import Path

from inference.inferrer import Inferrer
from inference.submission import histogram
from modes.assemble import Experiment
from modes.mode import MODES, Mode
from modes.read_settings import check, read_sections
from modes.run_folder import FINISHED, find_run
from modes.settings import HERE
from modes.train import load_best
from utils.errors import ConfigError
from utils.ini import Value, put, read_ini
from utils.logs import logged_to

log = logging.getLogger("podium")


@MODES.register
class Infer(Mode):
    """Write submission.csv with the newest finished run of [run] name, or with --run VERSION or PATH."""

    def run(self, arguments: Namespace) -> None:
        if arguments.resume:
            raise ConfigError("--resume goes on with training; it has no meaning with --mode infer.")
        sections = read_sections(arguments.config, arguments.overrides)
        here = check(sections, str(arguments.config))
        folder = find_run(here.paths.runs, here.run.name, arguments.run, finished=True)
        for text in arguments.overrides:
            if text.partition(".")[0] not in (*HERE, "run"):
                raise ConfigError(
                    f"--set {text} belongs to training; {folder} was trained with its own config.ini."
                )
        # What was trained is the run's; where things are and how fast it goes is today's.
        trained = read_ini(folder / "config.ini")
        trained |= {name: sections[name] for name in HERE if name in sections}
        put(trained, "run", "device", Value(here.run.device, "[run] device"))
        experiment = Experiment.of(check(trained, str(folder / "config.ini")))
        with logged_to(folder / "log.txt"):
            self._predict(experiment, folder)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        best = load_best(folder)
        finished = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
        if best["scores"]["epoch"] != finished["best_epoch"]:
            raise ConfigError(f"{folder}: the checkpoint of its best epoch is damaged. Train it again.")
        log.info(
            "Predicting with %s: epoch %d, validation macro-F1 %.4f, accuracy %.4f.",
            folder, best["scores"]["epoch"], best["scores"]["macro_f1"], best["scores"]["accuracy"],
        )  # fmt: skip
        images, batches = experiment.eval_data()
        model = experiment.model(fresh=False)
        model.load_state_dict(best["model"])
        rows = Inferrer(experiment.task, images, batches, experiment.precision).write(model, folder)
        for column, values in experiment.task.allowed.items():
            counts = histogram(rows, column, values)
            shown = "  ".join(f"{value}:{n}" for value, n in zip(values, counts, strict=True))
            log.info("%s  %s", column, shown)
        log.info("Submission:    %s (%d rows)", folder / "submission.csv", len(rows))
        log.info("Probabilities: %s", folder / "test_predictions.csv")
