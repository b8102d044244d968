"""Which repair makes the names of a table those of files, where hardly one is: the cause, said once."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

from dataset.files.name_repair import KINDS, FileKeys, NameRepair, RepairedNames, in_order

NEARLY_ALL = 0.9
_SAMPLE, _GLANCE = 200, 5  # names on which a repair is tried before all of them are
_MOST = 5  # repairs at once
_DEEPEST = 8  # folders that may be dropped


class Repair(NamedTuple):
    """Repairs, how many of all names they make right, and an example: a name, and its file."""

    repairs: tuple[NameRepair, ...]
    right: int
    cell: str
    file: str


def search(cells: Sequence[str], files: Sequence[str], kinds: Sequence[str] = KINDS) -> Repair | None:
    """Return the fewest repairs with which nearly all cells name a file, each another one; or None.

    Args:
        cells: of all rows; one that names a file as it is needs no repair.
        files: relative to the folder of the images.
        kinds: the repairs that may be tried.
    """
    every, plain = set(cells), set(files)
    wrong = sorted(every - plain)
    sample = wrong[:: max(1, len(wrong) // _SAMPLE)]
    near = _near(sample, files, kinds) if wrong else []
    if not near:
        return None

    best: Repair | None = None
    for repairs in _candidates(sample, near, kinds):
        if best is not None and len(repairs) > len(best.repairs):
            break
        names = RepairedNames(near, repairs)
        if not all(_right(part, names) for part in (sample[:_GLANCE], sample)):
            continue

        # What helps a sample is held against all names.
        names = RepairedNames(files, repairs)
        repaired = {cell: file for cell in wrong if (file := names.get(cell)) and file not in every}
        right = sum(cell in plain or cell in repaired for cell in cells)

        enough = len(set(repaired.values())) >= NEARLY_ALL * len(wrong)
        if enough and right >= NEARLY_ALL * len(cells) and (best is None or right > best.right):
            best = Repair(repairs, right, *next(iter(repaired.items())))
    return best


def _near(cells: Sequence[str], files: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return the files that some cells mean after all repairs at once; none where most cells mean none.

    What one repair makes equal, all of them make equal too, so no other file matters to these cells.
    """
    every = in_order(NameRepair(kind) for kind in kinds if kind != "drop")
    names = RepairedNames((), every)
    wanted = {names.key_of(cell) for cell in cells}
    meant = {file: key for file in files if (key := FileKeys.key_of(file, every)) in wanted}
    return list(meant) if len(set(meant.values())) >= NEARLY_ALL * len(wanted) else []


def _right(cells: Sequence[str], names: RepairedNames) -> bool:
    """Return whether nearly all of different cells mean a file, each another one."""
    meant = {names.get(cell) for cell in cells} - {""}
    return len(meant) >= max(1, NEARLY_ALL * len(cells) - (len(cells) <= _GLANCE))


def _candidates(
    cells: Sequence[str], files: Sequence[str], kinds: Sequence[str]
) -> Iterator[tuple[NameRepair, ...]]:
    """Yield sets of repairs that may matter to these names, the smallest first."""
    some = [*cells, *files[:: max(1, len(files) // _SAMPLE)]]
    deepest = max(cell.replace("\\", "/").count("/") for cell in cells)
    matters: dict[str, bool] = {
        "drop": deepest > 0,
        "name_only": deepest > 0,
        "deeper": any("/" in file for file in files),
        "ending": True,
    }
    for kind in kinds:
        matters.setdefault(kind, any(_changes(NameRepair(kind), name) for name in some))
    chosen = [kind for kind in kinds if matters[kind]]

    for count in range(1, _MOST + 1):
        for several in combinations(chosen, count):
            if {"drop", "name_only"} <= set(several):
                continue
            counts = (range(1, min(deepest, _DEEPEST) + 1) if kind == "drop" else (0,) for kind in several)
            for numbers in product(*counts):
                yield tuple(NameRepair(kind, n) for kind, n in zip(several, numbers, strict=True))


def _changes(repair: NameRepair, name: str) -> bool:
    return repair.of_cell(name) != name or repair.of_file(name) != name
