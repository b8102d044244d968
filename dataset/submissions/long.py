"""A row for each image and class."""

import copy
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dataset.submissions.base import (
    SUBMISSIONS,
    Line,
    Submission,
    SubmissionRows,
    deciding,
    is_exclusive,
    sure,
)
from dataset.submissions.probabilities import Digits
from dataset.tasks.answers import Answers, no_probability, probabilities
from dataset.tasks.cells import Separator
from utils.errors import DataError, closest, listed
from utils.shortened import listing
from utils.tables import Row, Table
from utils.texts import comparable

if TYPE_CHECKING:
    from dataset.readers.eval_base import EvalDataset
    from dataset.tasks.base import Logits, Task

_UNDERSCORE = Separator("_")


@SUBMISSIONS.register
class Long(Submission):
    """A row for each image and label with its probability; the template's rows and their order are kept.

    Args:
        between: what stands between image and label in the id, as ``_`` in ``0001_cat``.
        label_column: the column with the label, where the id is that of the image alone.
        column: the column with the probability; a template's only column is taken, whatever it is called.
        digits: after the point.
    """

    def __init__(
        self,
        *,
        between: Separator = _UNDERSCORE,
        label_column: str | None = None,
        column: str = "probability",
        digits: Digits = 6,
    ) -> None:
        if between.text is None and label_column is None:
            raise ValueError("between = none: name the column with the label, label_column = ...")
        if label_column is not None and comparable(label_column) == comparable(column):
            raise ValueError(f"label_column and column are both {column!r}")
        self.between, self.label_column, self.column, self.digits = between, label_column, column, digits

    def columns(self, task: "Task") -> tuple[str, ...]:
        return (*self.keys(task), self.column)

    def keys(self, task: "Task") -> tuple[str, ...]:
        return () if self.label_column is None else (self.label_column,)

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        texts = task.label_texts
        return [
            dict(zip(texts, (f"{share:.{self.digits}f}" for share in shares), strict=True))
            for shares in sure(task, logits).tolist()
        ]

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        shares = probabilities(
            [[row[label] for label in map(comparable, task.label_texts)] for row in answers]
        )
        labels = task.questions[deciding(task)]
        return {deciding(task): Answers(labels, shares, exclusive=is_exclusive(task))}

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        if column == self.column:
            return no_probability(value)
        labels = tuple(map(comparable, task.label_texts))
        if column == self.label_column and comparable(value) not in labels:
            return f"is not one of {listing(labels)}"
        return None

    def answering(self, task: "Task", column: str) -> "Task | None":
        named = copy.copy(self)
        named.column = column
        return task.handed_in(named)

    def template_of(self, task: "Task", table: Table) -> tuple[Table, tuple[Line, ...]]:
        labels = dict.fromkeys(map(comparable, task.label_texts))
        if self.label_column is not None and comparable(self.label_column) not in table.columns:
            raise DataError(
                f"[submission] label_column = {self.label_column}: the template has the columns "
                f"{listing(table.columns)}"
            )

        problems, lines, first = [], [], dict[str, Row]()
        for row in table.rows:
            image, label, problem = self._parted(row, table, labels)
            if problem:
                problems.append(f"{row.line}: {problem}")
                continue
            lines.append(Line(image, label, tuple(map(row.as_written, table.columns))))
            first.setdefault(image, self._of_image(row, table.columns[0], image, label))

        problems = problems or list(_incomplete(lines, labels))
        if problems:
            raise DataError(listed("The submission's template ([submission] name = Long)", problems))
        return Table(table.columns, list(first.values()), table.header, table.separator), tuple(lines)

    def _parted(self, row: Row, table: Table, labels: Collection[str]) -> tuple[str, str, str]:
        """Return the image and the label of a template's row, and what is wrong with it, or ""."""
        identity = row[table.columns[0]]
        if self.label_column is not None:
            label = row[comparable(self.label_column)]
            return identity, label, "" if label in labels else _unknown(label, labels)

        between = self.between.text or ""
        # The longest label counts: of a_b and b, it is a_b that 7_a_b is about.
        for end in range(len(identity)):
            if identity.startswith(between, end) and identity[end + len(between) :] in labels:
                return identity[:end].rstrip(), identity[end + len(between) :], ""
        _, mark, last = identity.rpartition(between)
        if not mark:
            return "", "", f"there is no {between!r} between image and label in the id {identity!r}"
        return "", "", f"id {identity!r}: {_unknown(last, labels)}"

    def _of_image(self, row: Row, identity: str, image: str, label: str) -> Row:
        """Return a template's row as one of its image alone."""
        written = row.as_written(identity)
        if self.label_column is None:
            # Not by length: a label may be written with other letters than it is compared with.
            between = self.between.text or ""
            written = written.rsplit(between, label.count(between) + 1)[0]
        others = {name: text for name, text in row.written.items() if name != identity}
        kept = others | ({identity: written} if written != image else {})
        return Row({**row.values, identity: image}, row.line, kept)

    def ids(self, task: "Task", images: "EvalDataset") -> Sequence[str]:
        return [key[0] for key in self.row_keys(task, images)]

    def row_keys(self, task: "Task", images: "EvalDataset") -> Iterator[tuple[str, ...]]:
        keys = [0, *(images.columns.index(comparable(name)) for name in self.keys(task))]
        for line in images.lines:
            yield tuple(line.cells[key] for key in keys)
        if not images.lines:
            for name in images.ids:
                yield from ((self._id(name, label), label)[: len(keys)] for label in task.label_texts)

    def _id(self, name: str, label: str) -> str:
        return name if self.label_column is not None else f"{name}{self.between.text}{label}"

    def rows(
        self, task: "Task", answers: Sequence[Mapping[str, str]], images: "EvalDataset"
    ) -> SubmissionRows:
        column, identity = comparable(self.column), images.columns[0]
        if images.lines:
            by_name = dict(zip(images.names, answers, strict=True))
            return [
                dict(zip(images.columns, line.cells, strict=True)) | {column: by_name[line.image][line.label]}
                for line in images.lines
            ]
        rows: SubmissionRows = []
        for name, answer in zip(images.ids, answers, strict=True):
            for label in task.label_texts:
                keys = dict.fromkeys(map(comparable, self.keys(task)), label)
                rows.append({identity: self._id(name, label), **keys, column: answer[comparable(label)]})
        return rows

    def by_image(self, task: "Task", rows: SubmissionRows, images: "EvalDataset") -> SubmissionRows:
        labels = tuple(map(comparable, task.label_texts))
        keys = [(line.image, line.label) for line in images.lines]
        keys = keys or [(name, label) for name in images.names for label in labels]
        whole: dict[str, dict[str, str]] = {name: {images.columns[0]: name} for name in images.names}
        for (name, label), row in zip(keys, rows, strict=True):
            whole[name][label] = row[comparable(self.column)]
        return list(whole.values())


def _unknown(label: str, labels: Collection[str]) -> str:
    near = closest(label, labels)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"{label!r} is not one of the labels {listing(list(labels))}.{hint}"


def _incomplete(lines: Sequence[Line], labels: Collection[str]) -> Iterator[str]:
    """Yield which image has no row for a label, or two."""
    counts = Counter((line.image, line.label) for line in lines)
    for image in dict.fromkeys(line.image for line in lines):
        if missing := [label for label in labels if not counts[image, label]]:
            yield f"image {image!r} has no row for {listing(missing)}"
    yield from (
        f"image {image!r} has {n} rows for {label!r}" for (image, label), n in counts.items() if n > 1
    )
