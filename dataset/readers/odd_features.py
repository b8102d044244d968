"""What is odd about columns that a model is to see: one that is an id, or that says the answer."""

from collections.abc import Iterator, Sequence

from dataset.readers.features import FeatureTable
from dataset.tasks.base import Targets, Task

_FEWEST = 20  # images or groups in which all different values say something
_HALF = 0.5  # of them: with more different words hardly two have one in common
_SAME = 1e-5  # of a number that is shown with six digits


def doubts_of(table: FeatureTable, task: Task, targets: Targets, counted: Sequence[str]) -> Iterator[str]:
    """Yield a line for each column that is an id, or says what the task asks.

    Args:
        counted: (N) whose image, or of which case, each is.
    """
    for name, cells in table.cells.items():
        known = [row for row, cell in enumerate(cells) if cell not in ("", "?")]
        values, whose = [cells[row] for row in known], [counted[row] for row in known]
        whole = all(value.lstrip("-").isdecimal() for value in values)
        words = any(column.name == name and column.words for column in table.columns.columns)
        different, groups = len(set(values)), len(set(whose))

        alone = different > _HALF * groups if words else whole and different == len(values)
        if groups >= _FEWEST and alone:
            yield (
                f"[dataset] features: {name!r} has {different} different values in {groups} images or "
                "cases, as an id has: a model learns it by heart. Leave it out if it is one."
            )

        for space in task.spaces:
            answers = space.words(targets[space.name])
            if _says([(values[i], answers[row]) for i, row in enumerate(known)]):
                yield (
                    f"[dataset] features: {name!r} says {space.name!r} of every image, which is asked: "
                    "scores will be high, and of no use where it isn't known. Leave it out."
                )


def _says(pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether the first of each pair is as good as the second."""
    values, answers = {value for value, _ in pairs}, {answer for _, answer in pairs}
    if len(values) < 2 or len(answers) < 2:
        return False
    one_to_one = len(set(pairs)) == len(values) == len(answers)
    return (one_to_one and len(values) <= _HALF * len(pairs)) or all(_equal(*pair) for pair in pairs)


def _equal(value: str, answer: str) -> bool:
    try:
        first, second = float(value), float(answer)
    except ValueError:
        return value == answer
    return abs(first - second) <= _SAME * max(abs(first), abs(second))
