"""Cases: several images about which one answer is given, such as the slices of one patient."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dataset.metrics.evidence import Indices
from dataset.tasks.base import Marked, Task
from utils.shortened import listing
from utils.texts import Texts

WORDS = ("case", "cases")


class CaseImage(NamedTuple):
    """An image of a case: where its row stands, what the organiser says of it, and whose it is."""

    case: str
    where: str
    marked: Marked
    group: str


class InCases:
    """A table of images that may be of cases.

    Attributes:
        cases: (N) the case that each image is of; None: each image is answered by itself.
        groups: (N) whose image it is; no case is in two groups.
    """

    cases: Texts | None = None
    groups: Texts
    group_words: tuple[str, str]

    @property
    def case_of(self) -> Indices | None:
        """The number of each image's case (N), None where there are no cases."""
        return None if self.cases is None else self.cases.numbers.astype(np.int64)

    @property
    def counted(self) -> Sequence[str]:
        """What is counted beside images (N): cases, otherwise groups."""
        return self.groups if self.cases is None else self.cases

    @property
    def counted_words(self) -> tuple[str, str]:
        """What one and several of those are called."""
        return self.group_words if self.cases is None else WORDS

    def first_images(self, rows: Indices) -> Indices:
        """Return of each case among some rows the first one: what predictions name the case by."""
        if self.cases is None:
            return rows
        _, first = np.unique(self.cases.numbers[rows], return_index=True)
        return np.asarray(rows[np.sort(first)])

    def whole_cases(self, rows: Indices, among: Indices) -> Indices:
        """Return those rows of ``among`` that are of the same cases as some ``rows``, in their order."""
        if self.cases is None:
            return rows
        numbers = self.cases.numbers
        return np.asarray(among[np.isin(numbers[among], numbers[rows])])


@dataclass(frozen=True, slots=True)
class EvalCases:
    """Which eval images are of one case, and which case each row of answers is about.

    Args:
        names: (C) what each case is called.
        numbers: (M) the number of each image's case.
        answered: (N) that of each row, of which every case has one, or one for each of its images.
    """

    names: tuple[str, ...]
    numbers: Indices
    answered: Indices

    @classmethod
    def by_case(cls, names: Sequence[str], sizes: Sequence[int]) -> "EvalCases":
        """Return cases of so many images, one after the other, with a row each."""
        numbers = np.arange(len(sizes))
        return cls(tuple(names), numbers.repeat(sizes), numbers)

    @classmethod
    def by_image(cls, cases: Sequence[str]) -> "EvalCases":
        """Return the cases (M) of images that have a row each."""
        texts = Texts(cases)
        numbers = texts.numbers.astype(np.int64)
        return cls(tuple(texts.different()), numbers, numbers)

    def unread(self, bad: Mapping[int, str]) -> dict[int, str]:
        """Return why rows have no image that can be read, from why images can't be."""
        why = {int(self.numbers[image]): reason for image, reason in sorted(bad.items(), reverse=True)}
        lost = np.bincount(self.numbers[np.array(list(bad), np.int64)], minlength=len(self.names))
        lost = lost == np.bincount(self.numbers, minlength=len(self.names))
        return {row: why[case] for row, case in enumerate(self.answered.tolist()) if lost[case]}


def contradictions(images: Sequence[CaseImage], task: Task) -> dict[str, str]:
    """Return by case why there can't be one answer about it: its labels, or whose it is, differ."""
    of_case: dict[str, list[CaseImage]] = {}
    for image in images:
        of_case.setdefault(image.case, []).append(image)
    problems = ((case, next(_differing(several, task), None)) for case, several in of_case.items())
    return {case: f"case {case!r} {problem}" for case, problem in problems if problem is not None}


def _differing(images: Sequence[CaseImage], task: Task) -> Iterator[str]:
    first = images[0]
    for space in task.spaces:
        words = space.words(space.targets([image.marked[space.name] for image in images]))
        if any(image.marked[space.name] != first.marked[space.name] for image in images):
            shown = [f"{word} ({image.where})" for word, image in zip(words, images, strict=True)]
            yield f"has several answers in {space.name}: {listing(shown)}"
    if any(image.group != first.group for image in images):
        shown = [f"{image.group!r} ({image.where})" for image in images]
        yield f"is in several groups: {listing(shown)}"
