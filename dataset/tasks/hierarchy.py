"""Labels on several levels, from coarse to fine."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.base import (
    TASKS,
    Choices,
    Facts,
    Logits,
    Marked,
    Targets,
    Task,
)
from dataset.tasks.confusion import Confusion
from dataset.tasks.labels import SpeltLabels
from dataset.tasks.moves import Move
from dataset.tasks.spaces import OneOf
from dataset.tasks.table_columns import RowsFound, check_columns, check_head_names
from dataset.tasks.tree import LabelPath, TreeText, best_paths, finest, grow
from utils.tables import read_table
from utils.texts import comparable


@TASKS.register
class HierarchyTask(Task):
    """One label on each level, scored by the mean of the levels' macro-F1 and by that of their accuracy.

    Which label lies below which one is what the training table says; a label has one parent.

    Args:
        levels: the table's columns with the labels, from coarse to fine.
        tree: a CSV with these columns in the data folder; none = the training table.
        nothing: what stands in a table, beside an empty cell, where an image has no label on a level, and
            what is submitted there, such as ``-1``; none = an empty cell.
        missing: what such a cell says. ``ignore``: nothing: it costs nothing and is not scored. ``class``:
            "nothing" is a class of the level, which may lie below any label.
        decide: ``level``: the likeliest label on each level; ``path``: the labels of the likeliest path of
            the tree, by the sum of the levels' log-probabilities. With ``missing = ignore`` a path ends
            early at a label with nothing below it. A level beyond its end counts as much as the likeliest
            label there (its head was never asked about such an image), and no label is answered.
        changed_by: moves of an image that may change its labels (flip, shift, scale, rotate, upend, turn):
            ``flip`` where a label knows left from right, ``upend`` where it knows top from bottom, ``turn``
            where a quarter turn matters. Neither augmentation nor views may make them.
    """

    share_names = ("path_accuracy", "consistency")
    at_inference = ("decide",)
    instead = (
        "Write levels = COARSE, FINE in [task] with the columns of the labels; only CsvDataset has such."
    )

    def __init__(
        self,
        *,
        root: Path,
        rows_found: RowsFound,
        levels: tuple[str, ...],
        tree: TreeText | None = None,
        nothing: str | None = None,
        missing: Literal["ignore", "class"] = "ignore",
        decide: Literal["level", "path"] = "path",
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        _check_levels(levels)
        self.word, self.how, self.changed_by = nothing or "", decide, changed_by
        label = nothing or "nothing"
        self._nothing = ("", label)  # what a cell without a label holds
        self._shared = label if missing == "class" else None
        rows = _rows(tree, root, levels, rows_found)
        self._spelling = SpeltLabels.of(name for _, names in rows for name in names).spelling
        paths = [(where, self._path(tuple(map(comparable, names)))) for where, names in rows]
        self.tree = grow(levels, paths, self._shared)
        super().__init__([OneOf(level, names) for level, names in zip(levels, self.tree.labels, strict=True)])
        self._words: Mapping[str, str] = {}  # how labels are written in a submission, if otherwise

    @property
    def main_questions(self) -> tuple[str, ...]:
        return self.tree.levels

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.tree.levels

    def _path(self, names: Sequence[str]) -> LabelPath:
        return tuple((self._shared or "") if name in self._nothing else name for name in names)

    def in_spelling(self, template: Mapping[str, str]) -> "HierarchyTask":
        written = copy.copy(self)
        written._words = {**self._spelling, **template}
        return written

    def encode(self, facts: Facts) -> Marked:
        try:
            path = self._path([facts[level] for level in self.tree.levels])
        except KeyError as error:
            raise ValueError(f"there is no column {error} with the labels of that level") from None
        return dict(zip(self.tree.levels, self.tree.indices(path), strict=True))

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts:
        """Return the facts with a level's label, those above it in the tree, and below it what still fits."""
        level = self.tree.levels.index(question)
        old = self._path([facts[name] for name in self.tree.levels])
        path = self.tree.relabelled(old, level, self.tree.labels[level][label])
        texts = [name if name != self._shared else self._nothing[1] for name in path]
        changed = {
            name: text or self.word
            for name, text, before, after in zip(self.tree.levels, texts, old, path, strict=True)
            if before != after
        }
        return {**facts, **changed}

    def decide(self, logits: Logits) -> Choices:
        if self.how == "level":
            return super().decide(logits)
        values = [logits[space.name].double().log_softmax(dim=1) for space in self.spaces]
        table = self.tree.table.to(values[0].device)
        _, best = best_paths(values, [value.amax(dim=1) for value in values], table)
        return {
            level: answers.unsqueeze(1) == torch.arange(value.shape[1], device=value.device)
            for level, value, answers in zip(self.tree.levels, values, table[best].unbind(dim=1), strict=True)
        }

    def consistent(self, choices: Choices) -> NDArray[np.bool_]:
        """Return whose choices (N) are those of a path, as far as that has labels."""
        chosen = [choices[level].double() for level in self.tree.levels]
        agree, _ = best_paths(chosen, [torch.ones_like(c[:, 0]) for c in chosen], self.tree.table)
        return np.asarray((agree == len(chosen)).numpy())

    def captions(self, marked: Mapping[str, Tensor]) -> list[str]:
        """Return each image's path in words."""
        answers = self.answers(marked)
        names = [[*space.labels, ""] for space in self.spaces]  # -1 finds the last one
        paths = zip(*(answers[space.name].tolist() for space in self.spaces), strict=True)
        words = ([labels[i] for labels, i in zip(names, path, strict=True)] for path in paths)
        return [" > ".join(filter(None, path)) or OneOf.without for path in words]

    def faults(self, choices: Choices, targets: Targets) -> list[str]:
        """Return the levels that are wrong, with the label and what was predicted."""
        true, chosen = self.answers(targets), self.answers(choices)
        lines_of: list[list[str]] = [[] for _ in next(iter(true.values()))]
        for space in self.spaces:
            names = [*space.labels, "nothing"]  # -1 finds the last one
            wrong = np.flatnonzero((true[space.name] >= 0) & (true[space.name] != chosen[space.name]))
            for image in wrong.tolist():
                label, answer = names[true[space.name][image]], names[chosen[space.name][image]]
                lines_of[image].append(f"{space.name}: {label}, predicted {answer}")
        return ["\n".join(lines) for lines in lines_of]

    def scored(self, targets: Targets) -> NDArray[np.bool_]:
        """Return which images (N) are labelled on some level."""
        return np.asarray(np.any([answers >= 0 for answers in self.answers(targets).values()], axis=0))

    def wrong(self, choices: Choices, targets: Targets) -> NDArray[np.bool_]:
        """Return which images (N) got a wrong answer on a level where they are labelled."""
        true, chosen = self.answers(targets), self.answers(choices)
        wrong = [(true[level] >= 0) & (true[level] != chosen[level]) for level in self.tree.levels]
        return np.asarray(np.any(wrong, axis=0))

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return a confusion matrix for each level over its labelled images; no choice is in no column."""
        matrices = {}
        for space in self.spaces:
            true, chosen = _labelled_only(choices[space.name], targets[space.name])
            counts = true.astype(np.int64).T @ chosen.astype(np.int64)
            matrices[space.name] = Confusion(space.labels, counts, true.sum(axis=0))
        return matrices

    def other_shares(
        self, choices: Choices, targets: Targets
    ) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Return labelled images with every label right, and answers that agree with the tree.

        An answer agrees as far as its path has labels.
        """
        scored, consistent = self.scored(targets), self.consistent(choices)
        right = scored & ~self.wrong(choices, targets)
        return {
            "path_accuracy": (right, scored),
            "consistency": (consistent, np.ones_like(consistent)),
        }

    def unscored(self, targets: Targets) -> list[str]:
        """Return the labels of every level, as ``level/label``, that no image has."""
        return [
            f"{space.name}/{label}"
            for space in self.spaces
            for label, has in zip(space.labels, (targets[space.name] > 0).any(dim=0).tolist(), strict=True)
            if not has
        ]

    @property
    def resolved(self) -> dict[str, str]:
        paths = ([self._spelling.get(name, name) for name in path] for path in self.tree.paths)
        return {"tree": str(TreeText(tuple(tuple(path[: finest(path) + 1]) for path in map(tuple, paths))))}

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        ends = [self.how == "path" and bool((column < 0).any()) for column in self.tree.table.unbind(dim=1)]
        return {
            space.name: (*map(self._submitted, space.labels), *((self.word,) if end else ()))
            for space, end in zip(self.spaces, ends, strict=True)
        }

    def _submitted(self, label: str) -> str:
        return self.word if label == self._shared else self._words.get(label, label)

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        answers = self.answers(choices)
        names = [[*map(self._submitted, space.labels), self.word] for space in self.spaces]
        columns = [
            [labels[i] for i in answers[level]] for level, labels in zip(self.tree.levels, names, strict=True)
        ]
        return [dict(zip(self.tree.levels, row, strict=True)) for row in zip(*columns, strict=True)]


def _labelled_only(choices: Tensor, targets: Tensor) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the label that each labelled image (M, K) has, and what was chosen for it (M, K)."""
    labelled = (targets > 0).any(dim=1)
    largest = targets[labelled].argmax(dim=1, keepdim=True)
    true = torch.zeros_like(targets[labelled], dtype=torch.bool).scatter_(1, largest, True)
    return np.asarray(true.cpu().numpy()), np.asarray((choices[labelled] > 0).cpu().numpy())


def _check_levels(levels: tuple[str, ...]) -> None:
    if len(levels) < 2 or len(set(levels)) < len(levels):
        raise ValueError(f"levels: {', '.join(levels)} are not two or more different columns")
    check_head_names(levels, "levels")


def _rows(
    tree: TreeText | None, root: Path, levels: tuple[str, ...], rows_found: RowsFound
) -> list[tuple[str, LabelPath]]:
    """Return where labels stand together, and which ones, as they are written there.

    Raises:
        ValueError: a path is longer than there are levels.
        DataError: the table lacks a level's column.
    """
    if tree is None:
        table_rows = rows_found()
        check_columns(
            levels, table_rows, "levels", "Write levels = COARSE, FINE in [task] with those of the labels."
        )
        return [(where, tuple(facts[level] for level in levels)) for where, facts in table_rows]

    if tree.file is not None:
        return [
            (row.line, tuple(row.as_written(level) for level in levels))
            for row in read_table(root / tree.file, levels).rows
        ]
    if any(len(path) > len(levels) for path in tree.paths):
        raise ValueError(f"tree: a path has more labels than there are levels ({', '.join(levels)})")
    return [
        (f"path {number} of tree", path + ("",) * (len(levels) - len(path)))
        for number, path in enumerate(tree.paths, start=1)
    ]
