"""Scores and their intervals, in words for the log and in numbers for scores.json."""

import math
from typing import Any

from dataset.tasks.base import Task
from inference.bootstrap import ConfidenceInterval
from utils.metrics import in_words

LOWER = " (lower is better)"  # behind the name of such a score


def words(scores: dict[str, float]) -> str:
    """Return scores in a line of words."""
    return "  ".join(f"{in_words(name)} {value:.4f}" for name, value in scores.items())


def ends(task: Task, sure: dict[str, ConfidenceInterval]) -> dict[str, list[float]]:
    """Return both ends of the intervals of the main scores that have one, for scores.json."""
    known = {name: sure[name] for name in task.main_scores if not math.isnan(sure[name].low)}
    return {name: [interval.low, interval.high] for name, interval in known.items()}


def lower(task: Task) -> dict[str, list[str]]:
    """Return for scores.json the main scores of which less is better; nothing where there is none."""
    names = [name for name in task.main_scores if task.direction(name) < 0]
    return {"lower_is_better": names} if names else {}


def judged(task: Task, sure: dict[str, ConfidenceInterval]) -> dict[str, Any]:
    """Return for scores.json what says how sure the main scores are, and which of them are better lower."""
    return {"intervals": ends(task, sure), **lower(task)}


def heading(task: Task, score: str) -> str:
    """Return a score's name for the head of a table, which also says where less is better."""
    return in_words(score) + ("" if task.direction(score) > 0 else LOWER)


def score_lines(task: Task, scores: dict[str, float], sure: dict[str, ConfidenceInterval]) -> str:
    """Return a line with the main scores of each question of a task, and their intervals.

    A last one has those that are of several questions together.
    """
    short = dict.fromkeys(name.rpartition("/")[2] for name in task.main_scores)
    lines = {question: [f"{question}/{name}" for name in short] for question in task.questions}
    lines["together"] = [
        asked.name for asked in task.metrics if asked.metric.together or len(asked.questions) > 1
    ]

    texts = []
    for question, names in lines.items():
        known = [name for name in names if name in scores]
        each = (f"{in_words(name.rpartition('/')[2])} {scores[name]:.4f} {sure[name]}" for name in known)
        texts += [f"\n  {question:<10} " + "  ".join(each)] if known else []
    return "".join(texts)
