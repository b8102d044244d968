"""What a table of runs says of one run, read from the text files in its folder."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from experiment.run_folder import CONFIG, read_environment
from inference.scores_file import FILE, read_scores
from utils.errors import DataError, PodiumError
from utils.ini import read_ini
from utils.printable import printable
from utils.read_json import read_json_lines

CURVES = ("train_loss", "loss")  # beside the score
_WEIGHTS = re.compile(r"([\d.]+) million weights")
_HEAD = 20_000  # bytes of a log in which the model is described


@dataclass(slots=True, kw_only=True)
class RunFacts:
    """One run; everything is plain, so that an index can keep it.

    Attributes:
        metric: the name of the competition's score, "" where there is none yet.
        lower: whether less of it is better.
        low: the lower end of the score's 95 % interval.
        folds: what validated: a fold, ``all of 5``, ``0, 1``, or with seeds ``5 x 3``.
        minutes: of all epochs, validation included.
        weights: millions of them; None where neither log nor checkpoint is there.
        problem: why it can't be used, or what of it can't be read.
        texts: ``section.key`` -> text of its config.
        curves: by name, a number an epoch; of a run over folds the mean of its members.
    """

    path: str
    run: str
    state: str = "unfinished"
    metric: str = ""
    lower: bool = False
    score: float | None = None
    low: float | None = None
    high: float | None = None
    folds: str = ""
    minutes: float | None = None
    weights: float | None = None
    started: str = ""
    commit: str = ""
    who: str = ""
    problem: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    curves: dict[str, list[float | None]] = field(default_factory=dict)


_NO_COLUMN = ("texts", "curves", "path", "lower")
COLUMNS = tuple(column.name for column in fields(RunFacts) if column.name not in _NO_COLUMN)


def members_in(folder: Path) -> list[Path]:
    """Return the folders of the members of a run over folds, by name."""
    return sorted(path for path in folder.glob("fold-*") if (path / CONFIG).is_file())


def read_facts(folder: Path, name: str) -> RunFacts:
    """Return what a run's folder says; what is damaged is named, and stops nothing."""
    facts = RunFacts(path=printable(str(folder)), run=printable(name))
    try:
        _read(facts, folder)
    except (PodiumError, OSError, ValueError) as error:
        facts.state, facts.problem = "damaged", printable(" ".join(str(error).split()))
    return facts


def _read(facts: RunFacts, folder: Path) -> None:
    environment = read_environment(folder)
    facts.started, facts.who = _text(environment, "started"), _text(environment, "who")
    changed = "+" if environment.get("uncommitted changes") is True else ""
    facts.commit = _text(environment, "commit")[:8] + changed
    facts.texts = {
        f"{section.name}.{key}": value.text
        for section in read_ini(folder / CONFIG).values()
        for key, value in section.values.items()
    }

    members = members_in(folder)
    facts.folds = _folds(facts.texts, members, _table_of_made(folder, environment, members))
    facts.weights = _weights([*members, folder])
    if (folder / FILE).exists():
        _take_scores(facts, folder)
    _take_epochs(facts, members or [folder])


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return printable(value) if isinstance(value, str) else ""


def _table_of_made(folder: Path, environment: dict[str, Any], members: Sequence[Path]) -> Path | None:
    """Return the predictions of a run that was made of others, whose own config says nothing of its folds."""
    together, alone = folder / "out_of_fold.csv", folder / "valid_predictions.csv"
    if not members and together.is_file():  # an ensemble
        return together
    return alone if "ingredients" in environment and alone.is_file() else None  # a soup


def _folds(texts: dict[str, str], members: Sequence[Path], made: Path | None = None) -> str:
    if texts.get("train.final", "none") != "none":
        return "none"
    if made is not None:
        return _folds_in(made, texts.get("dataset.folds", ""))
    if not members:
        return texts.get("dataset.valid_fold", "0")

    folds = {re.sub(r"-seed-\d+$", "", member.name) for member in members}
    seeds = len(members) // len(folds)
    if seeds > 1:
        return f"{len(folds)} x {seeds}"
    everyone = texts.get("run.folds", "all") == "all"
    return f"all of {len(folds)}" if everyone else texts["run.folds"]


def _folds_in(table: Path, count: str) -> str:
    """Return which folds the images of a table of predictions are of."""
    try:
        with open(table, encoding="utf-8", newline="") as file:
            folds = {row.get("fold") or "" for row in csv.DictReader(file)}
    except csv.Error as error:
        raise DataError(f"{table} is damaged: {error}.") from None
    if folds == {str(fold) for fold in range(len(folds))} and str(len(folds)) == count:
        return f"all of {count}"
    return ", ".join(sorted(folds, key=lambda fold: (len(fold), fold)))


def _take_scores(facts: RunFacts, folder: Path) -> None:
    """Read what a finished run says of itself; the first of its intervals is the competition's score."""
    kept = read_scores(folder)
    final = "final" in kept
    scores = kept.get("scores_of_the_folds" if final else "scores", {})
    intervals = kept.get("intervals_of_the_folds" if final else "intervals", {})
    facts.state = "final fit" if final else "finished"
    facts.metric = next((name for name in intervals if name in scores), "")
    facts.lower = facts.metric in kept.get("lower_is_better", [])
    if facts.metric:
        facts.score = float(scores[facts.metric])
        facts.low, facts.high = map(float, intervals[facts.metric])


def _take_epochs(facts: RunFacts, folders: Sequence[Path]) -> None:
    """Read what each epoch left, as far as it can be read."""
    histories: list[list[dict[str, Any]]] = []
    for folder in folders:
        entries, problem = read_json_lines(folder / "metrics.jsonl")
        facts.problem = facts.problem or printable(problem)
        if entries:
            histories.append(entries)
    if not histories:
        return

    seconds = [_number(entry.get("seconds")) or 0.0 for entries in histories for entry in entries]
    facts.minutes = sum(seconds) / 60
    watched = facts.metric or facts.texts.get("train.monitor", "")
    for name in dict.fromkeys((watched, *CURVES)):
        curve = _mean([[_number(entry.get(name)) for entry in entries] for entries in histories])
        if any(value is not None for value in curve):
            facts.curves[name] = curve


def _mean(curves: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return the mean of several curves, as far as all of them go."""
    mean: list[float | None] = []
    for values in zip(*curves, strict=False):
        known = [value for value in values if value is not None]
        mean.append(round(sum(known) / len(known), 5) if known else None)
    return mean


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _weights(folders: Sequence[Path]) -> float | None:
    """Return the millions of weights that a log speaks of."""
    for folder in folders:
        try:
            with open(folder / "log.txt", "rb") as file:
                told = _WEIGHTS.search(file.read(_HEAD).decode("utf-8", "replace"))
        except OSError:
            continue
        if told is not None:
            return float(told[1])
    return None
