"""The list of eval images that could not be read and were answered with the priors; in a run's folder."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.durable import remove
from utils.tables import read_table, write_table

log = logging.getLogger("podium")
FILE = "unreadable.csv"
_MOST_SHOWN = 30


def keep_list(folder: Path, why: Mapping[str, str]) -> None:
    """Write the ids and why each can't be read; of none, no list is left.

    Args:
        why: by id.
    """
    if why:
        write_table(folder / FILE, ("id", "why"), why.items())
    else:
        remove(folder / FILE)


def say_unreadable(folder: Path, why: Mapping[str, str]) -> None:
    """Say loudly which ids of the run of a folder can't be read, if there are any."""
    if not why:
        return
    shown = [f"{name}: {reason}" for name, reason in list(why.items())[:_MOST_SHOWN]]
    if len(why) > _MOST_SHOWN:
        shown.append(f"... and {len(why) - _MOST_SHOWN} more")
    log.warning(
        "\nNOT LOOKED AT: %d eval image(s) can't be read. They are answered with the shares of the training "
        "labels, as [infer] on_bad_image = prior says:\n  - %s\nAll of them: %s",
        len(why), "\n  - ".join(shown), folder / FILE,
    )  # fmt: skip


def read_list(folder: Path) -> dict[str, str]:
    """Return why each id that a run answered with priors can't be read."""
    if not (folder / FILE).exists():
        return {}
    return {row["id"]: row["why"] for row in read_table(folder / FILE, ("id", "why"), guarded=True).rows}


def by_id(ids: Sequence[str], bad: Mapping[int, str]) -> dict[str, str]:
    """Return why by id, from why by row."""
    return {ids[row]: bad[row] for row in sorted(bad)}
