"""A tree of labels on several levels, from coarse to fine: where it is said, and the paths in it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dataset.tasks.labels import in_order
from utils.errors import DataError, closest, listed
from utils.shortened import listing

LabelPath = tuple[str, ...]  # the label on each level, from coarse to fine; "" = none there
_MOST_SUMS = 2**22  # of images times paths that are held at once: 32 MiB


@dataclass(frozen=True, slots=True)
class TreeText:
    """``tree.csv``, a file in the data folder, or the tree's paths as ``[["cat"], ["dog", "pug"]]``."""

    paths: tuple[LabelPath, ...] = ()
    file: str | None = None

    @classmethod
    def from_text(cls, text: str) -> "TreeText":
        if not text.startswith("["):
            return cls(file=text)
        try:
            paths = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f'it is not paths such as [["cat"], ["dog", "pug"]]: {error}') from None
        if not all(isinstance(path, list) and all(isinstance(name, str) for name in path) for path in paths):
            raise ValueError('it is not a list of paths such as [["cat"], ["dog", "pug"]]')
        return cls(tuple(map(tuple, paths)))

    def __str__(self) -> str:
        # An ini file would take ' #' and ' ;' for the beginning of a comment.
        text = json.dumps(self.paths, ensure_ascii=False).replace("#", "\\u0023").replace(";", "\\u003b")
        return self.file or text


@dataclass(frozen=True)
class Tree:
    """Labels by level, and every path from a coarsest label down to one with nothing below it.

    Args:
        levels: their names, from coarse to fine.
        labels: of each level, in order.
        paths: sorted; a path that ends early has no label on the levels beyond its end.
    """

    levels: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    paths: tuple[LabelPath, ...]

    @cached_property
    def table(self) -> Tensor:
        """The label index of each path on each level, int64 (P, L); -1 = none."""
        return torch.tensor(
            [[self._index_of[level].get(name, -1) for level, name in enumerate(path)] for path in self.paths]
        )

    def indices(self, path: LabelPath) -> tuple[tuple[int, ...], ...]:
        """Return the label index on each level of an image's labels; () where it has none.

        Raises:
            ValueError: a label that is not in the tree, or labels that are not on one path.
        """
        for level, name in enumerate(path):
            if name and name not in self._index_of[level]:
                raise ValueError(self._unknown(level, name))
        if path not in self._whole:
            self._check_part(path)
        return tuple((self._index_of[level][name],) if name else () for level, name in enumerate(path))

    def relabelled(self, path: LabelPath, level: int, label: str) -> LabelPath:
        """Return a path with another label on a level, the ones above it, and those below that fit it.

        Where none of an image's finer labels fits, it has none there.
        """
        line = self._line[level, label]
        above = tuple(name if path[coarser] else "" for coarser, name in enumerate(line[:level]))
        changed = (*above, label)
        for finer in range(level + 1, len(path)):
            name = path[finer]
            fits = any(
                whole[: level + 1] == line[: level + 1] and whole[finer] == name for whole in self.paths
            )
            changed = (*changed, name if fits else "")
        return changed

    def _check_part(self, path: LabelPath) -> None:
        """Raise ValueError unless a path with labels on some levels only is part of one of the tree's."""
        if not any(path):
            raise ValueError("there is no label on any level")
        last = finest(path)
        line = self._line[last, path[last]]
        if all(path):
            whole = " > ".join(filter(None, line))
            raise ValueError(f"{' > '.join(path)} is not a path of the tree; {whole} is one")
        for level, (name, above) in enumerate(zip(path, line[:last], strict=False)):
            if name and name != above:
                below, upper = f"{self.levels[last]} {path[last]!r}", self.levels[level]
                raise ValueError(f"{below} lies below {upper} {above!r} in the tree, not below {name!r}")

    def _unknown(self, level: int, name: str) -> str:
        known = self.labels[level]
        near = closest(name, known)
        hint = f" Did you mean {near!r}?" if near else ""
        return f"{self.levels[level]} {name!r} is not one of {listing(known)}.{hint}"

    @cached_property
    def _index_of(self) -> list[dict[str, int]]:
        return [{name: index for index, name in enumerate(names)} for names in self.labels]

    @cached_property
    def _whole(self) -> frozenset[LabelPath]:
        return frozenset(self.paths)

    @cached_property
    def _line(self) -> dict[tuple[int, str], LabelPath]:
        """A path through each label; all of them have the same labels above it."""
        return {(level, name): path for path in self.paths for level, name in enumerate(path)}


def grow(levels: Sequence[str], rows: Iterable[tuple[str, LabelPath]], shared: str | None = None) -> Tree:
    """Return the tree that rows of labels say; a row without a label on some level says nothing about it.

    What one row leaves open another one may say. A label that nothing lies below ends a path.

    Args:
        levels: their names, from coarse to fine.
        rows: where each one stands, and its labels.
        shared: a label that may lie below any other one: "nothing" as a class.

    Raises:
        DataError: lists every label that lies below two others, and each level with less than two labels.
    """
    first: dict[LabelPath, str] = {}  # where each path stands first
    for where, path in rows:
        if any(path):
            first.setdefault(path, where)

    labels = [_in_order((path[level] for path in first), shared) for level in range(len(levels))]
    problems = [
        f"level {level!r} has {len(names)} label(s) ({listing(names)}): there is nothing to tell apart"
        for level, names in zip(levels, labels, strict=True)
        if len(names) < 2
    ]

    paths, contradictions = _completed(levels, first, shared)
    if problems or contradictions:
        hint = "\nIf one of these words says that there is no label, write nothing = ... in [task]."
        raise DataError(listed("The tree of labels", problems + contradictions) + hint)

    inner = {(level, name) for path in paths for level, name in enumerate(path[: finest(path)])}
    whole = [path for path in paths if (finest(path), path[finest(path)]) not in inner]
    indices = [{name: index for index, name in enumerate(names)} for names in labels]
    whole.sort(key=lambda path: [index.get(name, -1) for index, name in zip(indices, path, strict=True)])
    return Tree(tuple(levels), tuple(labels), tuple(whole))


def _in_order(labels: Iterable[str], shared: str | None) -> tuple[str, ...]:
    """Return the labels of a level, the shared one behind the others."""
    names = set(labels) - {""}
    last = (shared,) if shared is not None and shared in names else ()
    return (*in_order(names - {shared}), *last)


def _completed(
    levels: Sequence[str], first: dict[LabelPath, str], shared: str | None
) -> tuple[list[LabelPath], list[str]]:
    """Return the paths with what other paths say lies above their labels, and the contradictions."""
    while True:
        above, problems = _above(levels, first, shared)
        filled: dict[LabelPath, str] = {}
        for path, where in first.items():
            filled.setdefault(_filled(path, above), where)
        if problems or filled.keys() == first.keys():
            return list(filled), problems
        first = filled  # which may say more about labels in the middle


def _filled(path: LabelPath, above: dict[tuple[int, str], LabelPath]) -> LabelPath:
    filled = list(path)
    for level in reversed(range(len(path))):
        for upper, name in enumerate(above.get((level, path[level]), ())):
            filled[upper] = filled[upper] or name
    return tuple(filled)


def _above(
    levels: Sequence[str], first: dict[LabelPath, str], shared: str | None
) -> tuple[dict[tuple[int, str], LabelPath], list[str]]:
    """Return the coarser labels of each label, and every label that has two on one level."""
    above: dict[tuple[int, str], LabelPath] = {}
    problems: list[str] = []
    wrong: set[tuple[int, str]] = set()  # a label with a problem, which is that of all below it as well
    for level, of_level in enumerate(levels):
        parents_of: dict[str, list[dict[str, str]]] = {}  # by label and coarser level: labels, and where
        for path, where in first.items():
            name = path[level]
            if name and name != shared and wrong.isdisjoint(enumerate(path[:level])):
                for upper, parents in zip(
                    path, parents_of.setdefault(name, [{} for _ in range(level)]), strict=False
                ):
                    if upper:
                        parents.setdefault(upper, where)

        for name, of_name in parents_of.items():
            above[level, name] = tuple(next(iter(parents), "") for parents in of_name)
            several = [upper for upper, parents in enumerate(of_name) if len(parents) > 1]
            if several:
                nearest = several[-1]
                both = " and ".join(f"{upper!r} ({where})" for upper, where in of_name[nearest].items())
                problems.append(f"{of_level} {name!r} lies below {levels[nearest]} {both}")
                wrong.add((level, name))
    return above, problems


def finest(path: LabelPath) -> int:
    """Return the last level on which a path has a label; there must be one."""
    return max(level for level, name in enumerate(path) if name)


def best_paths(values: Sequence[Tensor], beyond: Sequence[Tensor], table: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest sum over the levels that a path has, (N), and the path that has it, (N).

    Args:
        values: of each level (N, K): what each label counts.
        beyond: of each level (N): what counts where a path has no label.
        table: label indices of the paths (P, L); -1 = none.
    """
    # The column for "none" stands last, where index -1 finds it.
    whole = [torch.cat([value, none.unsqueeze(1)], dim=1) for value, none in zip(values, beyond, strict=True)]
    columns = [table[:, level] % value.shape[1] for level, value in enumerate(whole)]
    count, images = max(1, _MOST_SUMS // len(table)), len(whole[0])
    best, which = whole[0].new_empty(images), table.new_empty(images)
    for first in range(0, images, count):
        part = slice(first, first + count)
        sums = [value[part][:, column] for value, column in zip(whole, columns, strict=True)]
        best[part], which[part] = torch.stack(sums).sum(dim=0).max(dim=1)
    return best, which
