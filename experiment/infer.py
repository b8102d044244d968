"""Predicts the organiser's eval images with a finished run."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from torch import nn

from dataset.batches import EvalBatches
from dataset.readers.eval_base import EvalDataset
from dataset.submissions.base import SubmissionRows
from dataset.tasks.base import Task
from experiment.after_submission import AFTER_SUBMISSION
from experiment.allowed_moves import build_views, mean_of_views, with_views
from experiment.as_trained import trained, tuned, tuned_with_views
from experiment.assemble import Experiment
from experiment.eval_data import eval_data, table_of_eval
from experiment.finished_run import load_weights
from experiment.made_run import MadeRun, made_run
from experiment.members import folders_by_fold
from experiment.mode import MODES, Mode
from experiment.outputs import Outputs, can_write
from experiment.read_settings import key_of, settings_from
from experiment.run_config import AskedRun
from experiment.run_engine import check_engine, with_engine
from experiment.run_priors import run_priors
from inference.columns import fitted, say_columns
from inference.inferrer import TEST_PREDICTIONS, Inferrer, Submitter
from inference.mean import mean_predictions
from inference.predict import Predictions, predict
from inference.scores_file import read_scores
from inference.submission import histogram
from inference.unreadable import by_id, keep_list, say_unreadable
from utils.logs import logged_to
from utils.shortened import MOST, listing

log = logging.getLogger("podium")
_Listed = Callable[[SubmissionRows], None]


@MODES.register
class Infer(Mode):
    """Write submission.csv with the newest finished run of [run] name, or with --run VERSION or PATH.

    That of a run over several folds is the mean of its members' probabilities.
    """

    takes = ("run",)
    free: ClassVar[tuple[str, ...]] = ()  # keys of training that --set may change
    for_another: bool = False  # an ensemble asked for it: nobody uploads this submission
    arguments: Namespace
    outputs: Outputs
    cache: Path

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        what = "write there instead of into the run's folder, such as that of a run that can only be read"
        parser.add_argument("--out", metavar="FOLDER", help=what)

    def run(self, arguments: Namespace) -> None:
        mode = type(self).__name__.lower()
        asked = AskedRun.of(arguments)
        folder = asked.folder()
        self.arguments, self.outputs = arguments, Outputs.of(folder, getattr(arguments, "out", None), mode)
        settings = settings_from(trained(asked, folder, self.free), str(folder / "config.ini"))
        images = asked.images(settings)
        self.cache = self.outputs.cache(settings.paths)
        settings = replace(settings, paths=replace(settings.paths, cache=self.cache))
        with logged_to(self.outputs.folder(folder) / "log.txt"):
            log.info("%s", images)
            experiment = Experiment.of(settings)
            check_engine(experiment)
            self._predict(experiment, folder)

    def _submit(
        self, experiment: Experiment, task: Task, folder: Path, images: EvalDataset, listed: _Listed
    ) -> None:
        """Write what the models of a run say."""
        settings = experiment.settings
        model = experiment.model(fresh=False)
        views = build_views(settings, experiment.task, experiment.prepare.size)
        if views and task is not experiment.task:
            asked = mean_of_views(model, views, settings, experiment.task)
            task = tuned_with_views(experiment, folder, model, asked)
        members = [run for models in folders_by_fold(settings.run, folder) for run in models]

        def runner(run: Path) -> nn.Module:
            load_weights(model, experiment, run)
            engine = with_engine(model, experiment, run, self.outputs.folder(run))
            return with_views(engine, views, settings, experiment.task)

        inferrer, predicted = _predictions(experiment, task, images, members, runner)
        unreadable = by_id(inferrer.images.ids, inferrer.unreadable)
        written = self.outputs.folder(folder)
        keep_list(written, unreadable)
        inferrer.submit(mean_predictions(task.spaces, predicted), written, listed)
        if members != [folder]:
            for run, predictions in zip(members, predicted, strict=True):
                keep_list(self.outputs.folder(run), unreadable)
                inferrer.write_table(predictions, self.outputs.folder(run))
        say_unreadable(written, unreadable)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        task = tuned(experiment.task, read_scores(folder).get("tuning", {}), folder)
        images, written = table_of_eval(experiment), self.outputs.folder(folder)
        answering = fitted(task, images)

        def listed(rows: SubmissionRows) -> None:
            say_columns(task, answering, images)
            for line in _histograms(rows, answering, written):
                log.info("%s", line)
            log.info("Submission:    %s (%d rows)", written / answering.form.file, len(rows))
            for name in () if self.for_another else AFTER_SUBMISSION.names():
                AFTER_SUBMISSION.get(name)().look(folder, rows, answering, experiment.settings, self.outputs)

        kind = made_run(folder)
        if kind is None:
            self._submit(experiment, task, folder, images, listed)
        else:
            self._submit_made(kind(), experiment, task, folder, images, listed)
        log.info("Probabilities: %s", written / TEST_PREDICTIONS)

    def _submit_made(
        self,
        kind: MadeRun,
        experiment: Experiment,
        task: Task,
        folder: Path,
        images: EvalDataset,
        listed: _Listed,
    ) -> None:
        """Write what a run says that was made of others."""
        submitter = Submitter(fitted(task, images), images)
        if experiment.settings.infer.views:
            log.warning(
                "[infer] views: %s takes what its members have predicted. Only those that predict now use "
                "views; let the others predict again with --mode infer --run.",
                kind.called,
            )
        paths = [text for text in self.arguments.overrides if key_of(text).startswith("paths.")]
        prior = experiment.settings.infer.on_bad_image == "prior"

        predictions, unreadable = kind.predict(
            folder, task, submitter.images, paths, self._again, self.outputs.out, prior=prior
        )

        written = self.outputs.folder(folder)
        keep_list(written, unreadable)
        submitter.submit(predictions, written, listed)
        say_unreadable(written, unreadable)

    def _again(self, folder: Path, out: Path | None) -> None:
        """Predict with another run, by the same command."""
        if out is None and not can_write(folder):
            Outputs.of(self.outputs.run, None, "infer")
        changed: dict[str, object] = {"run": str(folder)}
        if out is not None:  # all members share what was decoded once
            overrides = [*self.arguments.overrides, f"paths.cache={self.cache}"]
            changed |= {"out": str(out), "overrides": overrides}
        again = type(self)()
        again.for_another = True
        again.run(Namespace(**vars(self.arguments) | changed))


def _predictions(
    experiment: Experiment,
    task: Task,
    images: EvalDataset,
    members: Sequence[Path],
    runner: Callable[[Path], nn.Module],
) -> tuple[Inferrer, list[Predictions]]:
    """Return what each member says of the eval images: the first one while they are decoded, if they are.

    Args:
        runner: gives what runs a member's model, until it is asked for another one's.
    """
    early: list[Predictions] = []
    first = runner(members[0])

    def meanwhile(batches: EvalBatches) -> None:
        early.append(predict(first, batches, experiment.eval_precision, what="Predicting"))

    data = eval_data(experiment, images, meanwhile)
    inferrer = Inferrer(fitted(task, images), *data, experiment.eval_precision)

    predicted = []
    for number, run in enumerate(members):
        runs = runner(run) if number else first
        priors = run_priors(experiment, run) if inferrer.unreadable else None
        predicted.append(inferrer.predict(runs, priors, early.pop() if early else None))
    return inferrer, predicted


def _histograms(rows: Sequence[Mapping[str, str]], task: Task, folder: Path) -> Iterator[str]:
    """Yield how many rows have each value of each column; of many values the most frequent."""
    columns = list(task.form.allowed(task).items())
    for column, values in columns[:MOST]:
        counts = histogram(rows, column, values)
        order = list(range(len(values)))
        if len(values) > MOST:
            order.sort(key=lambda value: -counts[value])
        shown = listing(
            [f"{values[i]}:{counts[i]}" for i in order], f"{folder / task.form.file}", between="  "
        )
        yield f"{column}  {shown}"
    if len(columns) > MOST:
        yield f"... and {len(columns) - MOST} columns more, all in {folder / task.form.file}"
