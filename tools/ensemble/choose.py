"""Which of all ways to make one prediction of several runs to take."""

from dataclasses import dataclass

from dataset.tasks.base import Task
from tools.ensemble.cross_fit import deal_parts, own_parts
from tools.ensemble.decisions.base import serving, suiting
from tools.ensemble.methods.base import ENSEMBLES, has_numbers
from tools.ensemble.pool import Pool
from tools.ensemble.settings import AUTO, NONE, EnsembleSettings
from tools.ensemble.trial_table import decision_table, main_table
from tools.ensemble.trials import (
    BASE,
    Trial,
    TrialKey,
    best_decision,
    choose_decision,
    choose_method,
    member_names,
    try_all,
    ways,
)
from utils.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of all ways, which of them is taken, and what people read of that."""

    trials: dict[TrialKey, Trial]
    chosen: TrialKey
    report: str


def choose(pool: Pool, wanted: EnsembleSettings) -> Choice:
    """Return what came of every way to make one prediction, and the one to take.

    Raises:
        ConfigError: the decision that is wanted can't be made for this task.
    """
    truth, several = pool.truth, pool.whose
    folds = own_parts(pool.folds, truth.groups)
    part = deal_parts(truth.task.marks(truth.targets), truth.groups) if folds is None else folds
    decisions = _decisions(wanted.decision.text, truth.task)
    trials = try_all(pool, {BASE: ENSEMBLES.get(BASE)()}, decisions, part)

    decision, reasons = decisions[0] if decisions else "", []
    if wanted.decision.text == AUTO and decisions:
        decision, reason = choose_decision(trials, BASE, decisions)
        reasons.append(reason)

    # Members and the other methods are tried with the best decision only: all pairs would take too long.
    method = wanted.method.text
    fitting = _methods(method, truth.task)
    methods = fitting if len(pool.runs) > 1 else sorted({BASE, method} - {AUTO})
    others = [name for name in methods if name != BASE]
    shown = best_decision(trials, BASE, decisions)
    trials |= try_all(pool, ways(pool, others), [shown] if shown else [], part)
    if method == AUTO:
        method, reason = choose_method(trials, methods, decision)
        reasons.append(reason)

    about = (
        f"Each score is of {len(set(part.tolist()))} parts of the {several}, each predicted by what was "
        f"fitted on the others, with a 95 % interval by {several}."
    )
    tables = [main_table(trials, member_names(pool), [BASE, *others], shown)]
    tables += [decision_table(trials, decisions)] if decisions else []
    return Choice(trials, (method, decision), "\n\n".join([about, *tables, "\n".join(reasons)]))


def _methods(wanted: str, task: Task) -> list[str]:
    """Return the methods that a task's answers can be joined by.

    Raises:
        ConfigError: the one that is asked for is none of them.
    """
    fitting = [name for name in ENSEMBLES.names() if ENSEMBLES.get(name).of_numbers or not has_numbers(task)]
    if wanted not in (AUTO, *fitting):
        raise ConfigError(
            f"[ensemble] method = {wanted} needs probabilities, and {type(task).__name__} has a number. "
            f"Write one of these: {', '.join((AUTO, *fitting))}"
        )
    return fitting


def _decisions(wanted: str, task: Task) -> list[str]:
    """Return the decisions to try.

    Raises:
        ConfigError: the one that is asked for can't be made for this task.
    """
    valid = suiting(task)
    if wanted == AUTO:
        return serving(task)
    if wanted != NONE and wanted not in valid:
        raise ConfigError(
            f"[ensemble] decision = {wanted} is not for {type(task).__name__} with its metrics. Write one "
            f"of these: {', '.join((AUTO, NONE, *valid))}"
        )
    return [] if wanted == NONE else [wanted]
