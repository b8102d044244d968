"""A team's corrections of wrong labels: a CSV that is applied when labels are read, for training only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import DataError, listed
from utils.not_there import check_file
from utils.shortened import listing
from utils.tables import from_spreadsheet, read_table

COLUMNS = ("profile", "field", "value", "reason")
Corrections = Mapping[str, Mapping[str, str]]  # {profile: {field: value}}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one row of such a file would change: a field of a profile, what is in it and what should be.

    Args:
        separator: what stands between the labels, in a field that holds several.
    """

    profile: str
    field: str
    before: str
    after: str
    separator: str | None = None


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
    check_file(path, "[dataset] relabel")
    corrections: dict[str, dict[str, str]] = {}
    lines: dict[tuple[str, str], str] = {}
    problems = []

    for row in read_table(path, COLUMNS).rows:
        profile, field, value = (from_spreadsheet(row[column]) for column in COLUMNS[:3])
        folders = profiles.get(profile, ())
        if len(folders) != 1:
            why = (
                f"belongs to {' and '.join(folders)}: write the folder" if folders else f"matches no {whose}"
            )
            problems.append(f"{row.line}: profile {profile!r} {why}")
            continue
        if field not in fields:
            problems.append(f"{row.line}: field {field!r} is not one of {listing(fields)}")
            continue

        known = corrections.setdefault(folders[0], {})
        if known.get(field, value) != value:
            earlier = f"{known[field]!r} in {lines[folders[0], field]}, {value!r} here"
            problems.append(f"{row.line}: {profile} {field} has another value further up ({earlier})")
        known[field] = value
        lines.setdefault((folders[0], field), row.line)

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
