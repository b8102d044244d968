"""Multi-label classification: any number of labels for each image, also none."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.metrics.average_precision import AveragePrecision
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.micro_f1 import MicroF1
from dataset.metrics.steps import limits_of_labels
from dataset.tasks.answers import Answers, no_probability, probabilities
from dataset.tasks.base import (
    LABELS,
    TASKS,
    Choices,
    Facts,
    Logits,
    Marked,
    Targets,
    Task,
    Tuning,
)
from dataset.tasks.cells import SPACE, Separator
from dataset.tasks.classification import probability_rows
from dataset.tasks.confusion import Confusion
from dataset.tasks.labels import LabelNames, index_by_label, indices, labels_fact, resolve
from dataset.tasks.moves import Move
from dataset.tasks.spaces import AnyOf
from utils.convert import Count, Fraction
from utils.shortened import listing


@TASKS.register
class MultiLabelTask(Task):
    """Any of the labels, scored by the mean average precision (mAP), macro-F1 and micro-F1.

    Every image of the table is labelled: one without a label says that none is right. A label that no
    scored image has is left out of mAP, and counts as 0 in macro-F1.

    Args:
        labels: their names in order, or a file with one a line; none = those in the training table.
        decide: which labels are chosen: ``threshold``: those from this probability on; ``tuned``: each
            label from a threshold of its own, those with the best score on the validation images, by the
            first metric that asks what was chosen; ``count``: the likeliest.
        threshold: the probability, in [0, 1]; for ``tuned`` that of the epochs' scores.
        count: for ``count``, how many labels; none = as many as the image's probabilities add up to.
        submit: ``labels`` in one cell, or a column for each label with 0 or 1 (``binary``) or with its
            probability.
        column: the name of the one column.
        separator: what stands between the labels in it: space, comma or another text.
        changed_by: moves of an image that may change its labels (flip, shift, scale, rotate, upend, turn):
            ``flip`` where a label knows left from right, ``upend`` where it knows top from bottom, ``turn``
            where a quarter turn matters. Neither augmentation nor views may make them.
    """

    own_metrics = (AveragePrecision(), MacroF1(), MicroF1())
    needs = (LABELS,)
    at_inference = ("decide", "threshold", "count", "submit", "column", "separator")

    def __init__(
        self,
        *,
        root: Path,
        labels_found: Callable[[], tuple[str, ...]],
        labels: LabelNames | None = None,
        decide: Literal["threshold", "tuned", "count"] = "threshold",
        threshold: Fraction = 0.5,
        count: Count | None = None,
        submit: Literal["labels", "binary", "probabilities"] = "labels",
        column: str = "labels",
        separator: Separator = SPACE,
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        self._spelt = resolve(labels, root, labels_found)
        self.labels = self._spelt.names
        self._index_of = index_by_label(self.labels)

        if count is not None and (decide != "count" or count > len(self.labels)):
            raise ValueError(f"count = {count} needs decide = count and at least as many labels")
        if submit == "labels" and separator.text is None:
            raise ValueError("separator = none leaves no way to write several labels into one cell")
        mixed_up = [name for name in self.labels if separator.text and separator.text in name]
        if submit == "labels" and mixed_up:
            other = next((m for m in (",", ";", "|") if not any(m in name for name in self.labels)), "||")
            raise ValueError(
                f"separator = {separator} is part of the label {mixed_up[0]!r}: choose another, such as "
                f"separator = {Separator(other)} in [task]"
            )

        rule = f"the likeliest {count or 'labels, as many as the probabilities add up to'}"
        self.space = AnyOf("labels", self.labels, (threshold,), rule if decide == "count" else "")
        super().__init__([self.space])
        self.how, self.threshold, self.count = decide, threshold, count
        self.submit, self.column, self.separator = submit, column, separator
        self.changed_by = changed_by

    def in_spelling(self, template: Mapping[str, str]) -> "MultiLabelTask":
        written = copy.copy(self)
        written.labels = self._spelt.in_spelling(template)
        return written

    def encode(self, facts: Facts) -> Marked:
        return {"labels": indices(facts, self._index_of)}

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts:
        kept = [index for index in indices(facts, self._index_of) if index != label]
        return {**facts, **labels_fact(self.labels[index] for index in (*kept, *[label] * present))}

    def decide(self, logits: Logits) -> Choices:
        if self.how != "count":
            return super().decide(logits)
        probabilities = self.probabilities(logits)["labels"]
        wanted = probabilities.sum(dim=1).round() if self.count is None else self.count
        order = probabilities.argsort(dim=1, descending=True, stable=True)
        rank = torch.empty_like(order).scatter_(1, order, torch.arange(order.shape[1]).expand_as(order))
        return {"labels": rank < torch.as_tensor(wanted).reshape(-1, 1)}

    def marks(self, marked: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        return self.space.as_evidence(marked["labels"])

    def scored(self, targets: Targets) -> NDArray[np.bool_]:
        return np.ones(len(targets["labels"]), dtype=np.bool_)

    def faults(self, choices: Choices, targets: Targets) -> list[str]:
        """Return which labels were not chosen, and which were for nothing; none that is right."""
        true, chosen = self.marks(targets), self.marks(choices)
        faults = []
        for has, answered in zip(true, chosen, strict=True):
            kinds = (("missed", has & ~answered), ("wrongly", answered & ~has))
            lines = [
                f"{words}: {', '.join(self._names_of(labels))}" for words, labels in kinds if labels.any()
            ]
            faults.append("\n".join(lines))
        return faults

    def _names_of(self, marks: NDArray[np.bool_]) -> list[str]:
        """Return the names of marked labels (K,)."""
        return [self.labels[index] for index in np.flatnonzero(marks)]

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return how many images with each true label (row) were given each label (column)."""
        true, chosen = self.marks(targets).astype(np.int64), self.marks(choices).astype(np.int64)
        return {"labels": Confusion(self.labels, true.T @ chosen, true.sum(axis=0))}

    def tune(self, logits: Logits, targets: Targets) -> Tuning:
        """Return the thresholds of ``decide = tuned``, which may also be asked for when the run predicts.

        They are the best by the first of the competition's metrics that asks what was chosen.
        """
        by_choices = [a.metric for a in self.metrics if a.metric.additive and a.metric.needs == "choices"]
        evidence = self.evidence(logits, targets)["labels"]
        return {"thresholds": limits_of_labels(by_choices[0], evidence, self.threshold).tolist()}

    def tuned(self, tuning: Tuning) -> "MultiLabelTask":
        if self.how != "tuned":
            return self
        if len(tuning.get("thresholds", ())) != len(self.labels):
            raise ValueError(f"there is no tuned threshold for each of {len(self.labels)} labels")
        task = copy.copy(self)
        task.space = AnyOf("labels", self.labels, tuple(tuning["thresholds"]))
        task.spaces = (task.space,)
        return task

    @property
    def resolved(self) -> dict[str, str]:
        return {"labels": str(LabelNames(self._spelt.written))}

    @property
    def label_texts(self) -> tuple[str, ...]:
        return self.labels

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.submit == "labels" else self.labels

    def answering(self, column: str) -> "MultiLabelTask | None":
        if self.submit != "labels":
            return None
        task = copy.copy(self)
        task.column = column
        return task

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.labels, ("0", "1")) if self.submit == "binary" else {}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        chosen = self.marks(choices)
        if self.submit == "binary":
            return [dict(zip(self.labels, map(str, row), strict=True)) for row in chosen.astype(int)]
        between = self.separator.text or " "
        return [{self.column: between.join(self.labels[i] for i in np.flatnonzero(row))} for row in chosen]

    def submission(self, logits: Logits) -> list[dict[str, str]]:
        if self.submit != "probabilities":
            return super().submission(logits)
        return probability_rows(self.labels, self.probabilities(logits)["labels"].tolist())

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return one question, whose labels may each be right; whichever form the submission has."""
        if self.submit == "labels":
            cells = [set(self.separator.parts(row[self.column])) for row in rows]
            shares = np.array([[label in cell for label in self.labels] for cell in cells], dtype=np.float32)
        else:
            shares = probabilities([[row[label] for label in self.labels] for row in rows])
        return {"labels": Answers(self.labels, shares, exclusive=False)}

    def wrong_value(self, column: str, value: str) -> str | None:
        if self.submit == "probabilities" and column in self.labels:
            return no_probability(value)
        if self.submit == "labels" and column == self.column:
            unknown = [name for name in self.separator.parts(value) if name not in self.labels]
            return f"has no label {listing(list(map(repr, unknown)))}" if unknown else None
        return super().wrong_value(column, value)
