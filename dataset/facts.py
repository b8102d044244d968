"""Whether a data set says of its images what a task asks: once, before the labels of any are read."""

from collections.abc import Iterable

from dataset.task import LABELS, Task
from utils.errors import DataError, closest


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
    columns = ", ".join(repr(name) for name in names if name != LABELS) or "nothing"
    if missing == [LABELS]:
        raise DataError(f"{kind} needs the labels of each image. {source} says {columns}: {instead}")
    near = {name: closest(name, names) for name in missing}
    hints = "".join(
        f" Is {name!r} the column {found!r}? Then rename it." for name, found in near.items() if found
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
