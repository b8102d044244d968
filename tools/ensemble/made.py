"""What an ensemble leaves: a run of its own, which --mode infer and compare take like any other."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from dataset.tasks.base import Task
from experiment.finish import tuning
from experiment.run_folder import FINISHED, write_environment
from experiment.score_words import judged, score_lines
from experiment.settings import REPEATED, Settings
from inference.bootstrap import intervals
from inference.inferrer import write_probabilities
from inference.predict import Predictions
from inference.saved import PREDICTED, digests
from tools.ensemble.blend import Blend
from tools.ensemble.choose import Choice
from tools.ensemble.diversity import alike, titles
from tools.ensemble.methods.base import logits_of
from tools.ensemble.picture import alike_picture
from tools.ensemble.pool import Pool
from tools.ensemble.settings import NONE, DecisionName, EnsembleSettings, MethodName
from tools.ensemble.trials import member_names
from utils.durable import write_json, write_text
from utils.ini import format_ini

log = logging.getLogger("podium")
_NOTE = "# An ensemble: [ensemble] says of what. The other sections are those of its first member.\n"
T = TypeVar("T")


def what_is_shared(pool: Pool) -> str:
    """Return which members there are and what they have in common, as text."""
    groups, count = len(set(pool.truth.groups)), len(pool.ids)
    lines = []
    for name, size in zip(member_names(pool), pool.sizes, strict=True):
        left_out = f", of which {size - count} are left out, since not all members validated them"
        lines.append(f"{name}: validated {size} images{left_out if size > count else ''}")
    belong = f" of {groups} {pool.whose}" if groups < count else ""
    lines.append(f"All members validated {count} images{belong}: all that follows is about these.")
    return "\n".join(lines)


def settings_of(pool: Pool, choice: Choice, name: str, runs: Path) -> Settings:
    """Return the settings that stand in the ensemble's folder: those of its first member, but for a few."""
    first, (method, decision) = pool.runs[0].settings, choice.chosen
    task = choice.trials[choice.chosen].task
    made = EnsembleSettings(
        runs=tuple(str(run.folder) for run in pool.runs),
        method=MethodName(method),
        decision=DecisionName(decision or NONE),
    )

    return replace(
        first,
        run=replace(first.run, name=name, folds=None, seeds=1),
        paths=replace(first.paths, runs=runs),
        tools={**first.tools, EnsembleSettings.section: made},
        chosen=_of_task(task, first.chosen),
        beside=_of_task(task, first.beside),
    ).resolved(task)


def _of_task(task: Task, sections: Mapping[str, T]) -> dict[str, T]:
    """Return the sections that are of no label space, or of one that the task has."""
    kept = {}
    for section, options in sections.items():
        kind, _, space = section.partition(".")
        if REPEATED.get(kind) != "SPACE" or not space or space in task.heads:
            kept[section] = options
    return kept


def write_run(folder: Path, pool: Pool, choice: Choice, settings: Settings) -> None:
    """Write a run of the ensemble: what --mode infer and compare need, the scores last."""
    trial, (method, decision) = choice.trials[choice.chosen], choice.chosen
    truth = pool.truth.joined if decision else pool.truth
    leaks = pool.leaks()
    leak = {"leak": leaks} if leaks else {}
    write_text(folder / "config.ini", _NOTE + format_ini(settings.texts()))
    facts = {"seed": settings.run.seed, "ensemble of": [str(run.folder) for run in pool.runs]}
    write_environment(folder, facts | leak)
    write_text(folder / "log.txt", f"{what_is_shared(pool)}\n\n{choice.report}\n")
    Blend.fit(pool, method, decision).write(folder)

    ids = list(zip(pool.ids, pool.folds[0], truth.groups, strict=True))
    write_probabilities(folder / "out_of_fold.csv", PREDICTED, ids, trial.task, trial.probabilities)
    _draw(folder / "members.png", pool)

    logits = logits_of(trial.task, trial.probabilities)
    predictions = Predictions(np.arange(len(ids)), logits, truth.targets)
    scores = trial.task.scores(logits, truth.targets)
    sure = intervals(trial.task, logits, truth.targets, truth.groups)
    log.info(
        "%s%s, with 95 %% intervals:%s",
        method, f" and {decision}" if decision else "", score_lines(trial.task, scores, sure),
    )  # fmt: skip
    write_json(
        folder / FINISHED,
        {
            "monitor": trial.task.main_scores[0],
            "scores": scores,  # nested: each part by what was fitted on the others
            **judged(trial.task, sure),
            "of_ways": [_way(*key, choice) for key in choice.trials],
            **leak,
            **tuning(trial.task, predictions),
            **digests(folder),
        },
    )


def _way(name: str, decision: str, choice: Choice) -> dict[str, object]:
    """Return what came of one way, for ``scores.json``."""
    trial = choice.trials[name, decision]
    interval = [trial.interval.low, trial.interval.high]
    return {"name": name, "decision": decision or None, "interval": interval, **trial.scores}


def _draw(path: Path, pool: Pool) -> None:
    """Draw how much members disagree, and how much they are wrong together."""
    choices = [pool.answers(number) for number in range(len(pool.runs))]
    task = pool.truth.task
    matrices = alike(task, choices, pool.truth.targets)
    from train.pictures.figures import write_picture  # matplotlib: no mode is to load it for nothing

    write_picture(path, alike_picture(member_names(pool), matrices, titles(task)))
