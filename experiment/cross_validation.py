"""Trains every fold of a config, each with one seed or several, and scores all images out of fold."""

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dataset.images.store import ImageSource
from dataset.readers.base import DATASETS, BaseDataset
from dataset.tasks.base import Task
from experiment import one_run
from experiment.assemble import Experiment
from experiment.data import training_table
from experiment.finish import tuning
from experiment.leak import beginning
from experiment.members import Member, folders_by_fold, members_of
from experiment.one_run import train_run
from experiment.run_folder import FINISHED, held
from experiment.score_words import judged, score_lines, words
from experiment.start import started
from experiment.time_limit import share
from inference.bootstrap import intervals
from inference.inferrer import write_probabilities
from inference.predict import Predictions
from inference.saved import PREDICTED, SavedPredictions, digests, out_of_fold
from inference.scores_file import read_scores
from train.callbacks.base import Callback
from utils.durable import make_folder, write_json
from utils.errors import ConfigError, DataError
from utils.logs import logged_to
from utils.shortened import listing

log = logging.getLogger("podium")
Data = tuple[BaseDataset, ImageSource]


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """A run whose parts are runs.

    All that a member needs is in its own folder from the beginning, so that it is trained, resumed and
    predicted with as any other run.
    """

    experiment: Experiment  # of the whole: its [run] folds are numbers
    data: dict[int, Data]  # by fold: read and checked before anything is trained, shared by the seeds
    starts: dict[str, dict[str, Any]]  # by member: the runs whose weights it starts from, where it begins

    @classmethod
    def of(cls, experiment: Experiment, *, begins: bool = True) -> "CrossValidation":
        """Return the members that [run] folds and seeds ask for, with their data.

        Args:
            begins: whether it is a new run, which may start from other runs' weights.

        Raises:
            ConfigError: the data set has no folds to choose from, or lacks one of these.
            DataError: the data of a fold can't be used.
        """
        settings = experiment.settings
        chosen = settings.chosen["dataset"].name
        if "valid_fold" not in DATASETS.schema(chosen):
            raise ConfigError(f"[run] folds: {chosen} has one split only, without a valid_fold to choose.")

        table = training_table(experiment.settings, experiment.task)
        folds = settings.run.folds
        if not isinstance(folds, tuple):
            folds = tuple(sorted(set(table.folds.tolist())))
        for fold in folds:
            table.check_fold(fold, "[run] folds: fold")

        settings = replace(settings, run=replace(settings.run, folds=folds))
        starts = {
            member.name: beginning(member.settings(settings), table.holding_out(member.fold))
            for member in (members_of(settings.run) if begins else ())
        }

        data = {fold: experiment.training_data(table.holding_out(fold)) for fold in folds}
        settings = replace(settings, images=experiment.settings.images)  # as its data was found to be kept
        return cls(replace(experiment, settings=settings), data, starts)

    def write_beginning(self, folder: Path) -> None:
        """Write what makes a folder a run of all members, each of which can be resumed."""
        experiment = self.experiment
        one_run.write_beginning(folder, experiment.settings, experiment.precision, self._fingerprints())
        for member in members_of(self.experiment.settings.run):
            make_folder(folder / member.name)
            data = self.data[member.fold][0].fingerprint()
            start = self.starts[member.name]
            settings = member.settings(experiment.settings)
            one_run.write_beginning(folder / member.name, settings, experiment.precision, data, start)

    def refuse_other_data(self, folder: Path) -> None:
        """Raise a DataError if any fold's data is no longer what the run began with."""
        one_run.refuse_other_data(folder, self._fingerprints())

    def train(self, folder: Path) -> None:
        """Train the members that are not finished, and write the scores of all together."""
        members = members_of(self.experiment.settings.run)
        dataset, _ = next(iter(self.data.values()))
        limit = self.experiment.settings.train.time_limit
        for number, member in enumerate(members, start=1):
            member_folder = folder / member.name
            if (member_folder / FINISHED).exists():
                continue
            left = sum(not (folder / other.name / FINISHED).exists() for other in members)
            until = share(limit, runs=left, images=len(dataset.files))
            log.info("\n%s: %d of %d", member.name, number, len(members))
            with held(member_folder), logged_to(member_folder / "log.txt"):
                self.train_member(member, member_folder, whole=folder, until=until)
        self.join(folder)

    def train_member(
        self,
        member: Member,
        folder: Path,
        *,
        whole: Path | None,
        until: float | None,
        more: Sequence[Callback] = (),
    ) -> None:
        """Train one member in its folder, which is held; the other arguments are those of ``train_run``."""
        experiment, data = self._experiment_of(member), self.data[member.fold]
        train_run(experiment, folder, *data, whole=whole, until=until, more=more)

    def _experiment_of(self, member: Member) -> Experiment:
        return replace(self.experiment, settings=member.settings(self.experiment.settings))

    def _fingerprints(self) -> dict[str, str]:
        return {str(fold): dataset.fingerprint() for fold, (dataset, _) in self.data.items()}

    def join(self, folder: Path) -> None:
        """Join what the members wrote; all of it comes from their files, whenever they were trained."""
        task, run = self.experiment.task, self.experiment.settings.run
        predictions = self._out_of_fold(folder)
        scores = task.scores(predictions.logits, predictions.targets)
        groups = next(iter(self.data.values()))[0].groups
        sure = intervals(
            task, predictions.logits, predictions.targets, [groups[row] for row in predictions.rows]
        )

        of_members = {member.name: _main_scores(task, folder / member.name) for member in members_of(run)}
        folds = {
            str(fold): _mean([of_members[member.name] for member in members_of(run) if member.fold == fold])
            for fold in self.data
        }
        leaks = {
            member.name: leak["leak"] for member in members_of(run) if (leak := started(folder / member.name))
        }
        of_folds: dict[str, Any] = {"mean": _mean(list(folds.values())), "sd": _sd(list(folds.values()))}

        _print(task, score_lines(task, scores, sure), len(predictions.rows), folds, of_folds)

        write_json(
            folder / FINISHED,
            {
                "monitor": self.experiment.settings.train.monitor,
                "scores": scores,  # out of fold
                **judged(task, sure),
                "of_folds": of_folds | folds,
                "of_members": of_members,
                **({"leak": leaks} if leaks else {}),
                **tuning(task, predictions),
                **digests(folder),
            },
        )

    def _out_of_fold(self, folder: Path) -> Predictions:
        """Write ``out_of_fold.csv`` in the order of the training table; return the same predictions."""
        task, (dataset, _) = self.experiment.task, next(iter(self.data.values()))
        read = [
            [
                SavedPredictions.read(model / "valid_predictions.csv", PREDICTED, task.spaces)
                for model in models
            ]
            for models in folders_by_fold(self.experiment.settings.run, folder)
        ]
        ids, probabilities = out_of_fold(read)

        row_of = {name: row for row, name in enumerate(dataset.names)}
        rows = torch.tensor([row_of[identity[0]] for identity in ids])
        order = rows.argsort()
        rows, ids = rows[order], tuple(ids[position] for position in order.tolist())
        probabilities = {name: values[order] for name, values in probabilities.items()}

        write_probabilities(folder / "out_of_fold.csv", PREDICTED, ids, task, probabilities)
        logits = {space.name: space.logits(probabilities[space.name]) for space in task.spaces}
        targets = {name: values[rows] for name, values in dataset.targets.items()}
        return Predictions(rows.numpy(), logits, targets)


def _main_scores(task: Task, folder: Path) -> dict[str, float]:
    scores = read_scores(folder, "scores")["scores"]
    names = (*task.main_scores, "loss")
    if missing := [name for name in names if name not in scores]:
        raise DataError(f"{folder / FINISHED} is damaged: it has no score {listing(missing)}. Bring it back.")
    return {name: scores[name] for name in names}


def _mean(scores: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.fmean(values[name] for values in scores) for name in scores[0]}


def _sd(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return the standard deviation (n - 1) of each score; of one fold there is none."""
    if len(scores) == 1:
        return {}
    return {name: statistics.stdev(values[name] for values in scores) for name in scores[0]}


def _print(
    task: Task,
    scores: str,
    images: int,
    folds: dict[str, dict[str, float]],
    of_folds: dict[str, dict[str, float]],
) -> None:
    """Print both numbers that a cross-validation has: a score of all images, and a mean of scores."""
    mean = {name: of_folds["mean"][name] for name in task.main_scores}
    sd = {name: of_folds["sd"][name] for name in task.main_scores if name in of_folds["sd"]}
    lines = [
        f"  fold {fold:<5} {words({name: values[name] for name in mean})}" for fold, values in folds.items()
    ]
    if sd:
        lines.append(f"  sd         {words(sd)}")
    log.info(
        "\nOut of fold: %d images, each predicted by models that never saw it, scored together:%s\n\n"
        "Mean of the %d folds' own scores, which is another number:\n  mean       %s\n%s",
        images, scores, len(folds), words(mean), "\n".join(lines),
    )  # fmt: skip
