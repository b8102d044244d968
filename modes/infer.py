"""Predicts the organiser's eval images with a finished run."""

import logging
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import nn

from dataset.task import TASKS, Task, Tuning
from inference.inferrer import TEST_PREDICTIONS, Inferrer, Rows, Submitter
from inference.mean import mean_predictions
from inference.mean_of_views import MeanOfViews
from inference.submission import histogram
from modes.ask_again import ask_again
from modes.assemble import Experiment
from modes.infer_ensemble import ensemble_predictions, is_ensemble
from modes.members import folders_by_fold
from modes.mode import MODES, Mode
from modes.moves import build_views, mean_of_views, with_views
from modes.one_run import load_weights, read_scores
from modes.read_settings import check, read_sections
from modes.record import record
from modes.run_engine import check_engine, with_engine
from modes.run_folder import FINISHED, find_run
from modes.settings import HERE, is_here
from utils.errors import ConfigError
from utils.ini import Value, override, put, read_ini
from utils.logs import logged_to

log = logging.getLogger("podium")
_MOST_SHOWN = 30  # columns whose values are counted in the log
_Listed = Callable[[Rows], None]
_FOLDS = ("run.folds", "run.seeds")  # say what is trained


@MODES.register
class Infer(Mode):
    """Write submission.csv with the newest finished run of [run] name, or with --run VERSION or PATH.

    That of a run over several folds is the mean of its members' probabilities.
    """

    arguments: Namespace

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
            named = _key(text).partition(".")[0]
            if text not in of_task and (named not in (*HERE, "run") or _key(text) in _FOLDS):
                raise ConfigError(
                    f"--set {text} belongs to training; {folder} was trained with its own config.ini."
                )
        override(trained, of_task)
        trained |= {name: section for name, section in sections.items() if is_here(name)}
        put(trained, "run", "device", Value(here.run.device, "[run] device"))
        experiment = Experiment.of(check(trained, str(folder / "config.ini")))
        check_engine(experiment)
        self.arguments = arguments
        with logged_to(folder / "log.txt"):
            self._predict(experiment, folder)

    def _submit(self, experiment: Experiment, task: Task, folder: Path, listed: _Listed) -> None:
        """Write what the models of a run say."""
        settings = experiment.settings
        model = experiment.model(fresh=False)
        views = build_views(settings, experiment.task, experiment.prepare.size)
        if views and task is not experiment.task:
            asked = mean_of_views(model, views, settings, experiment.task)
            task = _tuned_with_views(experiment, folder, model, asked)
        inferrer = Inferrer(task, *experiment.eval_data(), experiment.precision)
        members = [own for models in folders_by_fold(settings.run, folder) for own in models]
        found = []
        for own in members:
            load_weights(model, experiment, own)
            engine = with_engine(model, experiment, own)
            found.append(inferrer.predict(with_views(engine, views, settings, experiment.task)))
        inferrer.submit(mean_predictions(task.spaces, found), folder, listed)
        if members != [folder]:
            for own, predictions in zip(members, found, strict=True):
                inferrer.write_table(predictions, own)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        task = _tuned(experiment.task, read_scores(folder).get("tuning", {}), folder)

        def listed(rows: Rows) -> None:
            for column, values in list(task.allowed.items())[:_MOST_SHOWN]:
                counts = histogram(rows, column, values)
                shown = "  ".join(f"{value}:{n}" for value, n in zip(values, counts, strict=True))
                log.info("%s  %s", column, shown)
            log.info("Submission:    %s (%d rows)", folder / "submission.csv", len(rows))
            record(folder, rows, task, experiment.settings)

        submit = self._submit_ensemble if is_ensemble(folder) else self._submit
        submit(experiment, task, folder, listed)
        log.info("Probabilities: %s", folder / TEST_PREDICTIONS)

    def _submit_ensemble(self, experiment: Experiment, task: Task, folder: Path, listed: _Listed) -> None:
        """Write what an ensemble says."""
        submitter = Submitter(task, experiment.eval_table())
        if experiment.settings.infer.views:
            log.warning(
                "[infer] views: an ensemble takes what its members have predicted. Only those that predict "
                "now use views; let the others predict again with --mode infer --run."
            )
        paths = [text for text in self.arguments.overrides if _key(text).startswith("paths.")]
        found = ensemble_predictions(folder, task, submitter.images, paths, self._again)
        submitter.submit(found, folder, listed)

    def _again(self, folder: Path) -> None:
        """Predict with another run, by the same command."""
        type(self)().run(Namespace(**vars(self.arguments) | {"run": str(folder)}))


def _key(text: str) -> str:
    return text.partition("=")[0].strip().lower()


def _tuned(task: Task, tuning: Tuning, folder: Path) -> Task:
    try:
        return task.tuned(tuning)
    except ValueError as error:
        raise ConfigError(f"{folder / FINISHED}: {error}. Train it again.") from None


def _tuned_with_views(experiment: Experiment, folder: Path, model: nn.Module, asked: MeanOfViews) -> Task:
    """Return the task tuned to the mean of views, which is less sure of its answers than one image is."""
    log.info("Tuning again on the validation images, as the views show them.")
    final = experiment.settings.train.final
    if final is not None:  # which validated nothing: as without views, its folds say how to decide
        folder, path = Path(final), Path(final) / "config.ini"
        settings = experiment.settings
        run, train = check(read_ini(path), str(path)).run, replace(settings.train, final=None)
        experiment = replace(experiment, settings=replace(settings, run=run, train=train))
    found = list(ask_again(experiment, folder, model, asked).means.values())[-1]
    return experiment.task.tuned(experiment.task.tune(found.logits, found.targets))
