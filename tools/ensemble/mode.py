"""Makes one prediction of several finished runs, from what they saved: nothing is trained or run again."""

import logging
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dataset.tasks.base import Task
from experiment.mode import MODES, Mode
from experiment.names import chosen_name
from experiment.one_run import tuning
from experiment.read_settings import check, key_of, read_sections
from experiment.run_folder import FINISHED, create_run, write_environment
from experiment.score_words import ends, score_lines
from experiment.settings import REPEATED, Settings
from inference.bootstrap import intervals
from inference.inferrer import write_probabilities
from inference.predict import Predictions
from inference.saved import PREDICTED, digests
from tools.ensemble.blend import Blend
from tools.ensemble.cross_fit import deal_parts, own_parts
from tools.ensemble.decisions.base import suiting
from tools.ensemble.diversity import alike
from tools.ensemble.methods.base import ENSEMBLES, logits_of
from tools.ensemble.picture import alike_picture
from tools.ensemble.pool import Pool, find_members
from tools.ensemble.settings import AUTO, NONE, DecisionName, EnsembleSettings, MethodName
from tools.ensemble.trial_table import decision_table, main_table
from tools.ensemble.trials import (
    BASE,
    Key,
    Trial,
    best_decision,
    choose_decision,
    choose_method,
    member_names,
    try_all,
    ways,
)
from utils.command import podium
from utils.durable import write_json, write_text
from utils.errors import ConfigError
from utils.ini import format_ini

log = logging.getLogger("podium")
_SUFFIX = "_ensemble"
_NOTE = "# An ensemble: [ensemble] says of what. The other sections are those of its first member.\n"


@MODES.register
class Ensemble(Mode):
    """Make one prediction of several finished runs, given by version or path or in [ensemble] runs.

    Leaves runs/<name>_ensemble/<version> by the name of its members, or that of --set run.name=..., for
    --mode infer and compare.
    """

    may_set = ("paths", "ensemble", "run.name")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("runs", nargs="*", metavar="RUN", help="each by version, path or name/version")

    def run(self, arguments: Namespace) -> None:
        here = check(read_sections(arguments.config, arguments.overrides), str(arguments.config))
        named = [text for text in arguments.overrides if key_of(text) != "run.name"]
        name = check(read_sections(arguments.config, named), str(arguments.config)).run.name
        wanted = arguments.runs or here.of_tool(EnsembleSettings).runs
        if not wanted:
            raise ConfigError(
                "--mode ensemble needs runs: python run.py --mode ensemble RUN RUN ..., or [ensemble] runs"
            )
        folders = find_members(here.paths.runs, name, wanted)
        paths = [text for text in arguments.overrides if key_of(text).startswith("paths.")]
        pool = Pool.read(folders, paths)
        log.info("\n%s", _images(pool))
        if pool.leaks():
            log.warning(
                "LEAK: a member began with a run that was trained on who validates here. The scores say "
                "nothing."
            )
        result = _try(pool, here.of_tool(EnsembleSettings))
        log.info("\n%s\n", result.report)
        name = chosen_name(here.run.name, name, [run.folder for run in pool.runs], _SUFFIX)
        settings = _settings(pool, result, name, here.paths.runs)
        folder = create_run(here.paths.runs, name, lambda new: _write(new, pool, result, settings))
        log.info(
            "Scores:      %s\nPredict:     %s", folder / FINISHED, podium("--mode", "infer", "--run", folder)
        )


@dataclass(frozen=True, slots=True)
class _Result:
    trials: dict[Key, Trial]
    chosen: Key
    report: str


def _images(pool: Pool) -> str:
    """Return which members there are and what they have in common."""
    groups, count = len(set(pool.truth.groups)), len(pool.ids)
    called = pool.whose
    lines = [
        f"{name}: validated {size} images"
        + (
            f", of which {size - count} are left out, since not all members validated them"
            if size > count
            else ""
        )
        for name, size in zip(member_names(pool), pool.sizes, strict=True)
    ]
    belong = f" of {groups} {called}" if groups < count else ""
    return "\n".join(
        [*lines, f"All members validated {count} images{belong}: all that follows is about these."]
    )


def _try(pool: Pool, asked: EnsembleSettings) -> _Result:
    """Return what came of every way to make one prediction, and the one to take."""
    truth, base = pool.truth, {BASE: ENSEMBLES.get(BASE)()}
    own = own_parts(pool.folds, truth.groups)
    part = deal_parts(truth.task.members(truth.targets), truth.groups) if own is None else own
    method = asked.method.text
    methods = ENSEMBLES.names() if len(pool.runs) > 1 else sorted({BASE, method} - {AUTO})
    decisions = _decisions(asked.decision.text, truth.task)
    trials = try_all(pool, base, decisions, part)
    decision, reasons = decisions[0] if decisions else "", []
    if asked.decision.text == AUTO and decisions:
        decision, reason = choose_decision(trials, BASE, decisions)
        reasons.append(reason)
    shown = best_decision(trials, BASE, decisions)
    others = [name for name in methods if name != BASE]
    trials |= try_all(pool, ways(pool, others), [shown] if shown else [], part)
    if method == AUTO:
        method, reason = choose_method(trials, methods, decision)
        reasons.append(reason)
    tables = [main_table(trials, member_names(pool), [BASE, *others], shown)]
    tables += [decision_table(trials, decisions)] if decisions else []
    several = pool.whose
    about = (
        f"Each score is of {len(set(part.tolist()))} parts of the {several}, each predicted by what was "
        f"fitted on the others, with a 95 % interval by {several}."
    )
    return _Result(trials, (method, decision), "\n\n".join([about, *tables, "\n".join(reasons)]))


def _decisions(asked: str, task: Task) -> list[str]:
    """Return the decisions to try.

    Raises:
        ConfigError: the one that is asked for can't be made for this task.
    """
    valid = suiting(task)
    if asked == AUTO:
        return valid
    if asked != NONE and asked not in valid:
        raise ConfigError(
            f"[ensemble] decision = {asked} is not for {type(task).__name__}: {', '.join(valid)}"
        )
    return [] if asked == NONE else [asked]


def _settings(pool: Pool, result: _Result, name: str, runs: Path) -> Settings:
    """Return the settings that stand in the ensemble's folder."""
    first, (method, decision) = pool.runs[0].settings, result.chosen
    task = result.trials[result.chosen].task
    made = EnsembleSettings(
        runs=tuple(str(run.folder) for run in pool.runs),
        method=MethodName(method),
        decision=DecisionName(decision or NONE),
    )
    chosen, beside = (
        {section: of for section, of in part.items() if _has(task, section)}
        for part in (first.chosen, first.beside)
    )
    return replace(
        first,
        run=replace(first.run, name=name, folds=None, seeds=1),
        paths=replace(first.paths, runs=runs),
        tools={**first.tools, EnsembleSettings.section: made},
        chosen=chosen,
        beside=beside,
    ).resolved(task)


def _has(task: Task, section: str) -> bool:
    """Return whether a section is of no label space, or of one that the task has."""
    kind, _, space = section.partition(".")
    return REPEATED.get(kind) != "SPACE" or not space or space in task.heads


def _write(folder: Path, pool: Pool, result: _Result, settings: Settings) -> None:
    """Write a run of the ensemble: what --mode infer and compare need, the scores last."""
    trial, (method, decision) = result.trials[result.chosen], result.chosen
    truth = pool.truth.joined if decision else pool.truth
    write_text(folder / "config.ini", _NOTE + format_ini(settings.texts()))
    leak = {"leak": leaks} if (leaks := pool.leaks()) else {}
    facts = {"seed": settings.run.seed, "ensemble of": [str(run.folder) for run in pool.runs]}
    write_environment(folder, facts | leak)
    write_text(folder / "log.txt", f"{_images(pool)}\n\n{result.report}\n")
    Blend.fit(pool, method, decision).write(folder)
    ids = list(zip(pool.ids, pool.folds[0], truth.groups, strict=True))
    write_probabilities(folder / "out_of_fold.csv", PREDICTED, ids, trial.task, trial.probabilities)
    _draw(folder / "members.png", pool)
    logits = logits_of(trial.task, trial.probabilities)
    found = Predictions(np.arange(len(ids)), logits, truth.targets)
    sure = intervals(trial.task, logits, truth.targets, truth.groups)
    scores = trial.task.scores(logits, truth.targets)
    log.info(
        "%s%s, with 95 %% intervals:%s",
        method, f" and {decision}" if decision else "", score_lines(trial.task, scores, sure),
    )  # fmt: skip
    write_json(
        folder / FINISHED,
        {
            "monitor": trial.task.main_scores[0],
            "scores": scores,  # nested: each part by what was fitted on the others
            "intervals": ends(trial.task, sure),
            "of_ways": [
                {"name": name, "decision": of or None, "interval": [t.interval.low, t.interval.high]}
                | t.scores
                for (name, of), t in result.trials.items()
            ],
            **leak,
            **tuning(trial.task, found),
            **digests(folder),
        },
    )


def _draw(path: Path, pool: Pool) -> None:
    """Draw how often members disagree, and how much they are wrong together."""
    choices = [pool.answers(number) for number in range(len(pool.runs))]
    differ, wrong = alike(pool.truth.task, choices, pool.truth.targets)
    from train.pictures.figures import write_picture  # matplotlib: no mode is to load it for nothing

    write_picture(path, alike_picture(member_names(pool), differ, wrong))
