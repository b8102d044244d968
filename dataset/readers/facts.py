"""Whether a data set says of its images what a task asks: once, before the labels of any are read."""

from collections.abc import Iterable
from difflib import get_close_matches

from dataset.tasks.base import LABELS, Task
from utils.errors import DataError

_SHOWN = 20  # names of what there is


def check_facts(task: Task, known: Iterable[str], source: str, instead: str) -> None:
    """Refuse a task that reads facts which a data set has not.

    Args:
        known: the names of the facts that are known of each image.
        source: says them, such as a table's path.
        instead: how to say the labels there, in words.

    Raises:
        DataError: names what is missing, what there is, and what to write.
    """
    names = list(known)
    missing = [name for name in task.needs if name not in names] if _reads_what_it_needs(task) else []
    if not missing:
        return

    kind = type(task).__name__
    shown = [repr(name) for name in names if name != LABELS]
    columns = ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")

    if missing == [LABELS]:
        raise DataError(f"{kind} needs the labels of each image. {source} says {columns}: {instead}")

    folded = [name.casefold() for name in names]
    near = {name: get_close_matches(name.casefold(), folded, 1, 0.8) for name in missing}
    hints = "".join(
        f" Is {name!r} the column {same[0]!r}? Then rename it." for name, same in near.items() if same
    )

    wanted = ", ".join(map(repr, task.needs))
    raise DataError(
        f"{kind} needs {wanted} of each image, but {source} says {columns}: there is no "
        f"{', '.join(map(repr, missing))}.{hints} {task.instead}"
    )


def _reads_what_it_needs(task: Task) -> bool:
    """Return whether the task's ``needs`` are of its own ``encode``, and not of one that it overrides."""
    for kind in type(task).__mro__:
        if "needs" in vars(kind):
            return True
        if "encode" in vars(kind):
            return False
    return False
