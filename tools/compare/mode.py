"""Says whether one finished run is better than another one, and where."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dataset.readers.base import whose
from dataset.tasks.base import Task
from experiment.changes import changes
from experiment.mode import MODES, Mode
from experiment.run_config import AskedRun
from experiment.run_folder import find_run
from experiment.saved_run import SavedRun, Tables, shared
from experiment.score_words import heading
from inference.bootstrap import Difference, differences
from utils.errors import ConfigError
from utils.metrics import in_words
from utils.shortened import brief
from utils.text_table import Cells, format_table

log = logging.getLogger("podium")
_MOST_LABELS, _MOST_GROUPS = 12, 12  # shown, of those that differ most
_ABOUT = "The intervals say how much depends on who was validated, not what another seed would change."
Right = NDArray[np.bool_]  # which of the labelled images got no wrong answer


@MODES.register
class Compare(Mode):
    """Print whether the second of two finished runs is better, by the images that both validated."""

    answers = True
    may_set = ("paths",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("runs", nargs="*", metavar="RUN", help="two of them, each by version or path")

    def run(self, arguments: Namespace) -> None:
        if len(arguments.runs) != 2:
            raise ConfigError(
                f"--mode compare takes two runs, not {len(arguments.runs)}: python run.py --mode compare A B"
            )
        here = AskedRun.of(arguments).here
        folders = [find_run(here.paths.runs, here.run.name, run, finished=True) for run in arguments.runs]
        tables = Tables()
        a, b = (SavedRun.read(folder, arguments.overrides, tables) for folder in folders)
        log.info("%s", "\n\n".join(_report(a, b)))


def _report(a: SavedRun, b: SavedRun) -> Iterator[str]:
    """Yield the parts of what is printed."""
    sizes = len(a.validated.ids), len(b.validated.ids)
    a, b = shared([a, b])
    groups = a.validated.groups
    count, together = len(set(groups)), len(set(groups)) < len(groups)
    group, called = whose(groups, a.dataset.group_words)
    yield (
        f"\nA: {a.folder}, which validated {sizes[0]} images\n"
        f"B: {b.folder}, which validated {sizes[1]}\n"
        f"Both validated {len(groups)} images{f' of {count} {called}' if together else ''}: "
        "all that follows is about these."
    )

    scores = differences(a.task.scorer(a.logits, a.targets), b.task.scorer(b.logits, b.targets), groups)
    yield format_table(
        ("score", "A", "95 %", "B", "95 %", "B - A", "95 %", "B better"), _scores(a.task, scores)
    )
    verdicts = [_verdict(name, scores[name]) for name in a.task.main_scores if name in scores]
    yield "\n".join([*verdicts, _ABOUT])
    if a.task.space_of(list(a.task.questions)[-1]).numeric:  # which has no labels, and is hardly ever right
        yield _settings(a, b)
        return
    yield _labels(scores)

    scored = a.task.scored(a.targets)
    right = ~a.wrong[scored], ~b.wrong[scored]
    yield _images(*right)
    if together:
        yield _groups(np.array(groups)[scored], *right, called=group)
    yield _settings(a, b)


def _scores(task: Task, scores: dict[str, Difference]) -> list[Cells]:
    """Return a row for each of the competition's scores, and for each question's where these are others."""
    names = [name for name in scores if "/" not in name]
    names = [name for name in task.main_scores if name in scores and name not in names] + names
    deciding = list(task.questions)[-1]
    for question in task.questions:
        for score in dict.fromkeys(name.rpartition("/")[2] for name in task.main_scores):
            name = f"{question}/{score}"
            same = question == deciding and scores.get(name) == scores.get(score)
            if name in scores and not same and name not in names:
                names.append(name)
    return [(heading(task, name), *_cells(scores[name]), f"{scores[name].better:.1%}") for name in names]


def _cells(score: Difference) -> Cells:
    values = (f"{score.a:.4f}", str(score.of_a), f"{score.b:.4f}", str(score.of_b), f"{score.value:+.4f}")
    return (*values, f"[{score.between.low:+.4f}, {score.between.high:+.4f}]")


def _verdict(name: str, score: Difference) -> str:
    if not score.verdict:
        return f"{in_words(name)}: not decided: the interval of the difference holds 0."
    side = "above" if score.between.low > 0 else "below"
    lower = ", and lower is better" if score.direction < 0 else ""
    which = "B" if score.verdict > 0 else "A"
    return f"{in_words(name)}: {which} is better: the interval of the difference is {side} 0{lower}."


def _labels(scores: dict[str, Difference]) -> str:
    """Return the labels whose F1 differs most."""
    f1 = {name: score for name, score in scores.items() if "/f1/" in name and score.value}
    most = sorted(f1, key=lambda name: -abs(f1[name].value))[:_MOST_LABELS]
    if not most:
        return "The F1 of each label is the same."
    rows = [(name.replace("/f1/", " "), *_cells(f1[name])) for name in most]
    return format_table(("F1 of", "A", "95 %", "B", "95 %", "B - A", "95 %"), rows)


def _images(a: Right, b: Right) -> str:
    return (
        f"Images that are all right: in both {(a & b).sum()}, in A only {(a & ~b).sum()}, "
        f"in B only {(b & ~a).sum()}, in neither {(~a & ~b).sum()}"
    )


def _groups(groups: NDArray[np.str_], a: Right, b: Right, *, called: str) -> str:
    """Return the groups of images of which A and B have the most different numbers right."""
    names, group = np.unique(groups, return_inverse=True)
    images = np.bincount(group)
    of_a, of_b = (np.bincount(group[right], minlength=len(names)) for right in (a, b))
    most = np.argsort(-np.abs(of_b - of_a), kind="stable")[:_MOST_GROUPS]
    rows: list[Cells] = [
        (str(names[i]), int(images[i]), int(of_a[i]), int(of_b[i])) for i in most if of_a[i] != of_b[i]
    ]
    if not rows:
        return f"Each {called} has as many images right in A as in B."
    return format_table((called, "images", "right in A", "right in B"), rows)


def _settings(a: SavedRun, b: SavedRun) -> str:
    differing = changes(a.settings, b.settings)
    if not differing:
        return "Their configs are the same."
    lines = [
        f"  [{change.section}] {change.key}: {' -> '.join(brief(change.before, change.after))}"
        for change in differing
    ]
    return "\n".join(["Their configs differ, A -> B:", *lines])
