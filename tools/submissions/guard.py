"""What is unusual about a submission: its histogram against validation's and the previous submission's."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset.readers.base import DATASETS, whose
from dataset.tasks.answers import Answers
from dataset.tasks.base import Task
from experiment.settings import Settings
from inference.saved import Validated, is_out_of_fold, validated_something
from tools.submissions.drift import ALARMS, Drift, drift
from tools.submissions.entry import Competition, Entry
from tools.submissions.ledger import Ledger
from utils.durable import sha256_of
from utils.errors import DataError, PodiumError
from utils.tables import read_table
from utils.text_table import format_table

log = logging.getLogger("podium")
_MOST_SHIFTED = 5  # labels that are shown
_BLIND = (
    "Compared was how often each label is answered, and nothing else. That can't show images of another kind "
    "(other scenes, cameras, light), which can cost much of a score while each label stays as frequent, nor "
    "two labels that are taken for each other: look at some of the images, and at the public score."
)
WrittenRows = Sequence[Mapping[str, str]]  # of a submission, the id first
Histograms = dict[str, Answers]  # by question


@dataclass(frozen=True, slots=True)
class Reference:
    """What a run said of the images that it validated, and what is right there, as a submission says it."""

    what: str  # of which images, in words
    groups: tuple[str, ...]
    answers: Histograms
    labels: Histograms  # empty where the training table can't be read
    words: tuple[str, str] = ("group", "groups")  # what one and several groups are called

    @property
    def whose(self) -> str:
        """What is drawn for the limits: groups, by their name, or images."""
        return whose(self.groups, self.words)[1]

    def counted(self, count: int) -> str:
        """Return so many of them, such as ``1 person``."""
        return f"{count} {whose(self.groups, self.words)[count != 1]}"


def reference_of(folder: Path, task: Task, settings: Settings) -> Reference | None:
    """Return what a run's folder says, or None if nothing was validated there, or it can't be read."""
    try:
        if not validated_something(folder):
            return None
        whole = is_out_of_fold(folder)
        validated = Validated.read(folder, task.spaces)
    except DataError as error:
        log.warning("The submission can't be held against what was validated: %s", error)
        return None

    logits = {space.name: space.logits(validated.probabilities[space.name]) for space in task.spaces}
    answers = task.form.submitted(task, task.form.answers(task, logits))
    what = f"what {folder} said {'out of fold' if whole else 'of its validation images'}"
    words = DATASETS.get(settings.chosen["dataset"].name).group_words
    return Reference(what, validated.groups, answers, _labels(validated.ids, task, settings), words)


def report(
    rows: WrittenRows,
    task: Task,
    reference: Reference | None,
    ledger: Ledger,
    sha256: str,
    competition: Competition | None = None,
) -> None:
    """Print how a submission's answers differ from those of validation and of the previous submission.

    Args:
        sha256: of the submission's file: the same one is no previous one.
        competition: its own, if it is known: a submission of another one is no previous one either.
    """
    for doubt in task.form.doubts(task, rows):
        log.warning("%s", doubt)

    answers = task.form.submitted(task, rows)
    # One false alarm in a hundred submissions, however many questions each answers (Bonferroni).
    alarms = ALARMS / max(1, len(answers))
    if reference is not None and answers:
        for question, answered in answers.items():
            drifted = drift(reference.answers[question], reference.groups, answered, alarms=alarms)
            _say(question, drifted, reference, alarms)
        log.info("%s", _BLIND)

    earlier = [
        entry
        for entry in ledger.entries()
        if entry.sha256 != sha256 and (competition is None or ledger.alike(entry.competition, competition))
    ]
    previous = _previous(ledger, earlier, rows)
    if previous is not None and answers:
        entry, old_rows = previous
        _hold_against(entry, task.form.submitted(task, old_rows), answers, reference, alarms)


def _hold_against(
    entry: Entry, old: Histograms, answers: Histograms, reference: Reference | None, alarms: float
) -> None:
    """Print how answers differ from those of an earlier submission."""
    differs = np.any([answered.differ(old[question]) for question, answered in answers.items()], axis=0)
    log.info(
        "\nPrevious submission: %s of %s (%s). %.1f %% of the rows have another answer there.",
        entry.short, entry.when, entry.file, 100 * differs.mean(),
    )  # fmt: skip
    for question, answered in answers.items():
        if reference is not None:
            held_against, groups = reference.answers[question], reference.groups
        else:  # nobody knows who is on which image: each counts by itself
            held_against, groups = old[question], tuple(map(str, range(len(answered.shares))))
        drifted = drift(held_against, groups, answered, before=old[question], alarms=alarms)
        _say_previous(question, drifted, reference.whose if reference else "images")


def _say(question: str, drifted: Drift, reference: Reference, alarms: float) -> None:
    """Print how answers to a question differ from those to the images that were validated."""
    called = reference.whose
    belong = "" if called == "images" else f" of {drifted.people[0]} {called}"
    log.info(
        "\n%s, held against %s (%d images%s): the histograms are %.4f apart.",
        question, reference.what, len(reference.groups), belong, drifted.distance,
    )  # fmt: skip
    log.info("%s", _shifted(drifted, reference.labels.get(question)))

    if drifted.is_drift:
        log.warning(
            "DRIFT in %s: samples of %d and about %s from there are more than %.4f apart in 1 of "
            "%d cases. Either the images to predict are others, or something is wrong: look at the labels.",
            question, drifted.people[0], reference.counted(drifted.people[1]), drifted.limit,
            round(1 / alarms),
        )  # fmt: skip
    elif math.isinf(drifted.limit):
        log.info("Whether that is drift can't be told: hardly any label is that of 5 %s.", called)
    else:
        log.info(
            "No drift in how often each label is answered: about %s from there would be up to %.4f apart.",
            reference.counted(drifted.people[1]), drifted.limit,
        )  # fmt: skip


def _shifted(drifted: Drift, labels: Answers | None) -> str:
    """Return a table of the labels that shifted most, beside how many images have each, if that is known."""
    true = dict(zip(labels.labels, labels.mean, strict=True)) if labels else {}
    rows: list[tuple[str | int, ...]] = []
    for shift in drifted.shifts[:_MOST_SHIFTED]:
        shares = (f"{shift.before:.2%}", f"{shift.now:.2%}", f"{shift.now - shift.before:+.2%}")
        rows.append((shift.label, *shares, *([f"{true[shift.label]:.2%}"] if true else [])))
    return format_table(("most shifted", "there", "here", "shift", *(["labels"] if true else [])), rows)


def _say_previous(question: str, drifted: Drift, called: str) -> None:
    shifts = [shift for shift in drifted.shifts[:_MOST_SHIFTED] if shift.now != shift.before]
    most = ", ".join(f"{shift.label} {shift.now - shift.before:+.2%}" for shift in shifts) or "nothing"
    log.info(
        "%s: the histograms are %.4f apart. Most shifted since then: %s", question, drifted.distance, most
    )
    if drifted.is_drift:
        log.warning(
            "DRIFT in %s since the previous submission, of the same images: even other %s would seldom "
            "be more than %.4f apart.", question, called, drifted.limit,
        )  # fmt: skip


def _labels(files: Sequence[str], task: Task, settings: Settings) -> Histograms:
    """Return what is right for training images, in a submission's form; nothing without their table."""
    try:
        chosen, seed = settings.chosen["dataset"], settings.run.dealing_seed
        dataset = DATASETS.build(chosen, root=settings.paths.data, task=task, seed=seed)
    except PodiumError as error:
        log.info("The labels are not shown beside the predictions: %s", str(error).partition("\n")[0])
        return {}
    row_of = {name: row for row, name in enumerate(dataset.names)}
    rows = [row_of[file] for file in files if file in row_of]
    targets = {name: values[rows] for name, values in dataset.targets.items()}
    return task.form.true_answers(task, targets)


def _previous(ledger: Ledger, others: Sequence[Entry], rows: WrittenRows) -> tuple[Entry, WrittenRows] | None:
    """Return the newest other submission whose file is still there, and about the same ids."""
    for entry in reversed(others):
        path = ledger.path.parent / entry.file
        if not path.is_file() or sha256_of(path) != entry.sha256:
            continue
        try:
            table = [row.values for row in read_table(path, tuple(rows[0])).rows]
        except DataError:
            continue  # of another form, such as probabilities before
        identity = next(iter(rows[0]))
        if [row[identity] for row in table] == [row[identity] for row in rows]:
            return entry, table
    if others:
        log.info("No previous submission to hold it against: their files have changed since, or are gone.")
    return None
