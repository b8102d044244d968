"""What the trials of an ensemble found, as people read it."""

from collections.abc import Iterator, Mapping, Sequence

from dataset.tasks.base import Task
from experiment.score_words import heading
from tools.ensemble.trials import BASE, Gain, Trial, TrialKey
from utils.metrics import in_words
from utils.text_table import Cells, format_table


def main_table(
    trials: Mapping[TrialKey, Trial], members: Sequence[str], methods: Sequence[str], decision: str
) -> str:
    """Return a row for each member and each method: its score, and with ``decision`` if that is one."""
    task = trials[BASE, ""].task
    score = heading(task, task.main_scores[0])
    columns: Cells = ("", score, "95 %", f"- {BASE}", "95 %")
    if decision:
        columns += (f"+ {decision}", "95 %", _change(task), "95 %")
    rows: list[Cells] = [tuple(_cells(trials, name, decision)) for name in (*members, *methods)]
    return format_table(tuple(map(str, columns)), rows)


def _change(task: Task) -> str:
    """Return what a difference is called: where less is better a fall is no gain."""
    return "gain" if task.direction(task.main_scores[0]) > 0 else "change"


def _cells(trials: Mapping[TrialKey, Trial], name: str, decision: str) -> Iterator[str]:
    plain = trials[name, ""]
    yield name
    yield from _score(plain)
    yield from Gain.of(trials[BASE, ""], plain).cells if name != BASE else ("", "")
    if decision:
        yield from _score(trials[name, decision])
        yield from Gain.of(plain, trials[name, decision]).cells


def _score(trial: Trial) -> tuple[str, str]:
    return f"{trial.scores[trial.task.main_scores[0]]:.4f}", str(trial.interval)


def decision_table(trials: Mapping[TrialKey, Trial], decisions: Sequence[str]) -> str:
    """Return a row for each decision with the mean of the members: all main scores, and what it gains."""
    plain = trials[BASE, ""]
    first, *others = plain.task.main_scores
    heads = [heading(plain.task, name) for name in (first, *others)]
    columns = (f"{BASE} with", *heads, f"{_change(plain.task)} of {in_words(first)}", "95 %")
    rows: list[Cells] = [("no decision", *(f"{plain.scores[name]:.4f}" for name in (first, *others)), "", "")]
    for name in decisions:
        trial = trials[BASE, name]
        scores = (f"{trial.scores[score]:.4f}" for score in (first, *others))
        rows.append((name, *scores, *Gain.of(plain, trial).cells))
    return format_table(columns, rows)
