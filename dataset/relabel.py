"""A team's corrections of wrong labels: a CSV that is applied when labels are read, for training only."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.errors import DataError, listed
from utils.tables import read_table

COLUMNS = ("profile", "field", "value", "reason")
Corrections = Mapping[str, Mapping[str, str]]  # {profile: {field: value}}


def read_corrections(
    path: Path, profiles: Mapping[str, Sequence[str]], fields: Sequence[str], whose: str = "person"
) -> Corrections:
    """Return {folder name: {field: new value}}.

    The labels on disk are never changed, so applying the file twice is the same as once.

    Args:
        profiles: the folder names by each name that the ``profile`` column may use: a folder's own, and
            an id where it belongs to one person only.
        fields: what can be corrected.
        whose: what a profile is, for messages.

    Raises:
        DataError: rows that match nothing, that match two people, or that contradict each other.
    """
    corrections: dict[str, dict[str, str]] = {}
    problems = []
    for row in read_table(path, COLUMNS).rows:
        found = profiles.get(row["profile"], ())
        if len(found) != 1:
            why = f"belongs to {' and '.join(found)}: write the folder" if found else f"matches no {whose}"
            problems.append(f"{row.place}: profile {row['profile']!r} {why}")
            continue
        if row["field"] not in fields:
            problems.append(f"{row.place}: field {row['field']!r} is not one of {', '.join(fields)}")
            continue
        known = corrections.setdefault(found[0], {})
        if known.get(row["field"], row["value"]) != row["value"]:
            problems.append(f"{row.place}: {row['profile']} {row['field']} has another value further up")
        known[row["field"]] = row["value"]
    if problems:
        raise DataError(listed(str(path), problems))
    return corrections


def ids_and_folders(people: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the folders meant by each folder name and by each id, from (id, folder) pairs."""
    meant: dict[str, list[str]] = {}
    for identity, folder in people:
        for name in {identity, folder}:
            meant.setdefault(name, []).append(folder)
    return meant
