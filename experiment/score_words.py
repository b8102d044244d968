"""Scores and their intervals, in words for the log and in numbers for scores.json."""

from dataset.tasks.base import Task
from inference.bootstrap import Interval
from utils.metrics import in_words


def words(scores: dict[str, float]) -> str:
    """Return scores in a line of words."""
    return "  ".join(f"{in_words(name)} {value:.4f}" for name, value in scores.items())


def ends(task: Task, sure: dict[str, Interval]) -> dict[str, list[float]]:
    """Return both ends of the intervals of the main scores, for scores.json."""
    return {name: [sure[name].low, sure[name].high] for name in task.main_scores}


def score_lines(task: Task, scores: dict[str, float], sure: dict[str, Interval]) -> str:
    """Return a line with the main scores of each view of a task, and their intervals."""
    names = {view: [f"{view}/{name}" for name in task.main_scores] for view in task.questions}
    return "".join(
        f"\n  {view:<10} " + "  ".join(f"{in_words(name)} {scores[name]:.4f} {sure[name]}" for name in of)
        for view, of in names.items()
    )
