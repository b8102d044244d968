"""Averages the weights of finished runs with the same model into one more run."""

import logging
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from dataset.readers.base import whose
from experiment.finish import tuning
from experiment.mode import MODES, Mode
from experiment.names import chosen_name
from experiment.read_settings import key_of, read_settings
from experiment.run_folder import FINISHED, create_run, find_run, write_environment
from experiment.score_words import heading, judged, score_lines
from experiment.settings import Settings
from experiment.start import started
from inference.bootstrap import differences, intervals
from inference.inferrer import write_predictions
from inference.predict import Predictions
from inference.saved import PREDICTED, SPLIT, digests
from tools.soup.ingredients import NESTED_SEED, Ingredients
from train import checkpoint
from utils.command import podium
from utils.durable import write_json, write_text
from utils.errors import ConfigError
from utils.ini import format_ini
from utils.text_table import format_table

log = logging.getLogger("podium")
_SUFFIX = "_soup"
_NO_EPOCH = 0  # what a soup's checkpoint and scores.json have in place of their best epoch


@MODES.register
class Soup(Mode):
    """Average the weights of finished runs that have the same model and the same validation images.

    The greedy soup takes the best run and adds each other one, from the best down, if the validated score
    does not fall. Leaves a run like any other, runs/<name>_soup/<version> by the name of its members (or that
    of --set run.name=...): predict with it, compare it, or put it into an ensemble.
    """

    may_set = ("paths", "infer", "run.name", "run.device")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("runs", nargs="*", metavar="RUN", help="two or more, each by version or path")
        parser.add_argument(
            "--recipe",
            choices=("greedy", "uniform"),
            default="greedy",
            help="default: greedy; uniform takes all",
        )

    def run(self, arguments: Namespace) -> None:
        if len(arguments.runs) < 2:
            raise ConfigError("--mode soup takes two runs or more: python run.py --mode soup A B C")

        here_only = [text for text in arguments.overrides if key_of(text) == "run.name"]
        here = read_settings(arguments)
        others = [text for text in arguments.overrides if text not in here_only]
        config = read_settings(arguments, others).run.name
        folders = [find_run(here.paths.runs, config, run, finished=True) for run in arguments.runs]

        runs = Ingredients.of(folders, others)
        everything = tuple(range(len(runs.folders)))
        chosen = runs.greedy() if arguments.recipe == "greedy" else everything
        log.info("%s", _table(runs, chosen, everything))

        name = chosen_name(here.run.name, config, runs.folders, _SUFFIX)
        base = runs.experiment.settings
        base = replace(
            base, run=replace(base.run, name=name), paths=replace(base.paths, runs=here.paths.runs)
        )
        folder = create_run(
            here.paths.runs, name, lambda new: _write(new, runs, chosen, arguments.recipe, base)
        )
        command = podium("--mode", "infer", "--run", folder)
        log.info("\nThe soup is a run: %s\nPredict:     %s", folder, command)


def _table(runs: Ingredients, chosen: tuple[int, ...], everything: tuple[int, ...]) -> str:
    """Return the scores of each ingredient and of both soups on the images that none was trained on."""
    names = runs.task.main_scores
    rows: list[tuple[str | int, ...]] = []
    for number, folder in enumerate(runs.folders):
        scores = runs.scores((number,))
        rows.append(
            (str(folder), "yes" if number in chosen else "", *(f"{scores[name]:.4f}" for name in names))
        )
    soups = {"uniform soup": everything} | ({"greedy soup": chosen} if chosen != everything else {})
    for words, ingredients in soups.items():
        rows.append((words, "", *(f"{runs.scores(ingredients)[name]:.4f}" for name in names)))
    return format_table(("run", "taken", *(heading(runs.task, name) for name in names)), rows)


def _write(folder: Path, runs: Ingredients, chosen: tuple[int, ...], recipe: str, base: Settings) -> None:
    """Write what a finished run has, with these settings; scores.json last."""
    task, predictions = runs.task, runs.answer(chosen)
    write_text(folder / "config.ini", format_ini(base.texts()))
    ingredients = [str(runs.folders[number]) for number in chosen]
    facts = {"seed": base.run.seed, "data": runs.data, "ingredients": ingredients}
    leaks = [leak for number in chosen for leak in started(runs.folders[number]).get("leak", ())]
    facts |= runs.experiment.precision.facts() | ({"leak": leaks} if leaks else {})
    write_environment(folder, facts)
    if runs.split is not None:  # else nobody's split says whom no ingredient was trained on
        write_text(folder / SPLIT, runs.split)

    write_predictions(folder / "valid_predictions.csv", PREDICTED, runs.ids, task, predictions)
    scores, sure = runs.scores(chosen), intervals(task, predictions.logits, predictions.targets, runs.groups)
    entry = {"epoch": _NO_EPOCH, **scores}
    checkpoint.save(folder / "checkpoints", "best", 0, {"model": runs.weights(chosen), "scores": entry})
    log.info(
        "\n%s soup of %d of %d runs. On the images that none of them was trained on, with 95 %% intervals:%s",
        recipe, len(chosen), len(runs.folders), score_lines(task, scores, sure),
    )  # fmt: skip

    soup: dict[str, Any] = {
        "recipe": recipe,
        "ingredients": ingredients,
        "tried": list(map(str, runs.folders)),
    }
    if recipe == "greedy":
        soup["chosen_on_these_images"] = True
        soup["nested"] = _nested(runs)
    write_json(
        folder / FINISHED,
        {
            "soup": soup,
            "monitor": base.train.monitor,
            "best_epoch": _NO_EPOCH,
            "scores": scores,
            **judged(task, sure),
            **started(folder),
            **tuning(task, predictions),
            **digests(folder),
        },
    )


def _nested(runs: Ingredients) -> dict[str, Any]:
    """Return what the greedy choice scores on people whom it was not made on, and the best run likewise."""
    task = runs.task
    soup, single = runs.nested(runs.greedy), runs.nested(runs.best_single)
    gains = differences(_scorer(runs, single), _scorer(runs, soup), runs.groups)

    lines, kept = [], {}
    for name in task.main_scores:
        gain = gains[name]
        kept[name] = {
            "score": gain.b,
            "interval": [gain.of_b.low, gain.of_b.high],
            "best_run": gain.a,
            "gain": gain.value,
            "interval of the gain": [gain.between.low, gain.between.high],
        }
        word = "gain" if gain.direction > 0 else "change"
        lines.append(
            f"  {heading(task, name):<10} {gain.b:.4f} {gain.of_b}  best run {gain.a:.4f}  "
            f"{word} {gain.value:+.4f} [{gain.between.low:+.4f}, {gain.between.high:+.4f}]"
        )
    log.info(
        "\nThe greedy choice was made on these same images. Chosen on one half of the %s and scored on the "
        "other, both ways:\n%s", whose(runs.groups, runs.dataset.group_words)[1], "\n".join(lines),
    )  # fmt: skip
    return {"halves_seed": NESTED_SEED, **kept}


def _scorer(runs: Ingredients, predictions: Predictions) -> Any:
    return runs.task.scorer(predictions.logits, predictions.targets)
