"""The sheet of suspected labels: what a team looks at, and what its marks would correct."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from dataset.images.decode import UnreadableImage
from dataset.images.prepare import Prepare
from dataset.readers.relabel import COLUMNS, Cell
from dataset.tasks.base import Facts
from tools.review.suspects import Doubt, Suspect, Validation

_MOST_IMAGES = 12  # of a group that are shown
_MOST_OPTIONS = 20  # other answers: the likeliest, in the labels' order
_MOST_PROBABILITIES = 6  # of labels that are shown
TableCell = tuple[str, str]  # of the organiser's table: profile and field


@dataclass(frozen=True, slots=True)
class Option:
    """An answer to a suspect other than the given label, and the corrections that it asks for."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A suspect with its answers, the suggested one first."""

    suspect: Suspect
    options: tuple[Option, ...]

    @property
    def question(self) -> str:
        return self.suspect.judged.question

    @property
    def given(self) -> str:
        return self._words([doubt.given for doubt in self.suspect.doubts])

    @property
    def suggested(self) -> str:
        return self._words([doubt.suggested for doubt in self.suspect.doubts])

    def _words(self, labels: Sequence[int]) -> str:
        return " and ".join(self.suspect.judged.names[label] for label in labels)


def items(
    validation: Validation, suspects: Sequence[Suspect], most: int, corrected: Sequence[TableCell] = ()
) -> list[Item]:
    """Return the worst suspects whose corrections can't contradict another's, ``most`` of each question.

    Args:
        corrected: what the team has corrected before: it is not asked again.
    """
    kept: list[Item] = []
    taken = set(corrected)
    counts: dict[str, int] = {}
    for suspect in sorted(suspects, key=lambda suspect: suspect.margin):
        question = suspect.judged.question
        if counts.get(question, 0) == most:
            continue
        options = tuple(_options(validation, suspect))
        cells = [cell for option in options for cell in option.cells]
        if not options or taken & {(cell.profile, cell.field) for cell in cells}:
            continue

        # A cell with several labels in it can be corrected label by label; any other only once.
        taken |= {(cell.profile, cell.field) for cell in cells if cell.separator is None}
        counts[question] = counts.get(question, 0) + 1
        kept.append(Item(suspect, options))
    return kept


def _options(validation: Validation, suspect: Suspect) -> Iterator[Option]:
    """Yield the suggested answer and then the others; those that the data set can't be told are left out."""
    names = suspect.judged.names
    corrections = [_cells(validation, suspect, doubt, doubt.suggested) for doubt in suspect.doubts]
    if len(corrections) == 1:
        doubt = suspect.doubts[0]
        likely = sorted(range(len(names)), key=lambda label: -doubt.probabilities[label])[: _MOST_OPTIONS + 1]
        others = [label for label in sorted(likely) if label not in (doubt.given, doubt.suggested)]
        for label in (doubt.suggested, *others)[:_MOST_OPTIONS]:
            if cells := _cells(validation, suspect, doubt, label):
                yield Option(names[label], cells)
    elif all(corrections):
        yield Option("swap both", tuple(chain.from_iterable(corrections)))
        for doubt, cells in zip(suspect.doubts, corrections, strict=True):
            yield Option(f"only {names[doubt.given]} \u2192 {names[doubt.suggested]}", cells)


def _cells(validation: Validation, suspect: Suspect, doubt: Doubt, label: int) -> tuple[Cell, ...]:
    """Return the corrections that give all images of a doubt a label; none where that can't be said."""
    dataset, judged = validation.dataset, suspect.judged
    corrections: dict[Cell, None] = {}
    for image in doubt.images.tolist():
        row = int(validation.rows[image])
        facts = _corrected(validation, dataset.facts_of(row), suspect, label)
        if facts is None:
            return ()
        cells = dataset.cells(row, facts)
        if not cells:  # no relabel file is read there: it is said by file and question
            before, after = judged.names[doubt.given], judged.names[label]
            cells = [Cell(dataset.files[row], judged.question, before, after)]
        corrections |= dict.fromkeys(cells)
    return tuple(corrections)


def _corrected(validation: Validation, facts: Facts, suspect: Suspect, label: int) -> Facts | None:
    """Return facts that give the label; None where labels would exclude one another."""
    judged, task = suspect.judged, validation.task
    if not facts:
        return facts
    if judged.label is None:
        changed = task.corrected(facts, judged.question, label)
    else:
        changed = task.corrected(facts, judged.question, judged.label, present=bool(label))
    if changed is None:
        return facts
    try:
        task.encode(changed)
    except ValueError:  # as in a hierarchy
        return None
    return changed


class Pictures:
    """Prepared images as JPEG in base64, of those validated; each is coded once."""

    def __init__(self, validation: Validation, prepare: Prepare) -> None:
        self._validation, self._prepare = validation, prepare
        self._coded: dict[int, str] = {}

    def need(self, images: Sequence[int]) -> None:
        """Code these images, on all cores."""
        missing = [image for image in dict.fromkeys(images) if image not in self._coded]
        with ThreadPoolExecutor() as pool:
            self._coded |= zip(missing, pool.map(self._code, missing), strict=True)

    def __getitem__(self, image: int) -> str:
        """Return an image that was needed; nothing for one that can't be read."""
        return self._coded[image]

    def file(self, image: int) -> str:
        dataset = self._validation.dataset
        return dataset.files[int(self._validation.rows[image])]

    def _code(self, image: int) -> str:
        try:
            pixels = self._prepare(self._validation.dataset.root / self.file(image))
        except UnreadableImage:
            return ""
        done, coded = cv2.imencode(
            ".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 82]
        )
        return base64.b64encode(coded.tobytes()).decode() if done else ""


def sheet(
    validation: Validation,
    shown: Sequence[Item],
    pictures: Pictures,
    *,
    run: Path,
    key: str,
    earlier: Sequence[Sequence[str]],
    note: str,
) -> dict[str, Any]:
    """Return what the page is told.

    Args:
        key: what the browser keeps the marks under.
        earlier: corrections (profile, field, value, reason) that the team has, which are saved again.
        note: said above the suspects.
    """
    by_group: dict[str, list[int]] = {}
    for image, group in enumerate(validation.groups):
        by_group.setdefault(group, []).append(image)
    images_of = [_shown(item, validation, by_group) for item in shown]
    images = list(dict.fromkeys(chain.from_iterable(images_of)))
    pictures.need(images)

    # The page names a picture by its number among all that it holds.
    number = {image: index for index, image in enumerate(images)}
    told = []
    for item, of_group in zip(shown, images_of, strict=True):
        framed = [image for doubt in item.suspect.doubts for image in _framed(doubt)]
        numbers = {
            "images": [number[image] for image in of_group],
            "doubted": [number[image] for image in framed if image in number],
        }
        told.append(_item(item, validation, run) | numbers)
    return {
        "run": str(run),
        "key": key,
        "note": note,
        "columns": list(COLUMNS),
        "earlier": list(map(list, earlier)),
        "images": [_picture(pictures, image) for image in images],
        "items": told,
    }


def _picture(pictures: Pictures, image: int) -> dict[str, str]:
    file = pictures.file(image)
    return {"file": file, "name": PurePosixPath(file).stem, "jpeg": pictures[image]}


def _framed(doubt: Doubt) -> list[int]:
    """Return the images to frame: none where a whole group is in doubt."""
    return doubt.images.tolist() if len(doubt.images) == 1 else []


def _shown(item: Item, validation: Validation, by_group: Mapping[str, list[int]]) -> list[int]:
    """Return the images of a suspect's group, in the table's order; of a large one those in doubt first."""
    doubted = [image for doubt in item.suspect.doubts for image in doubt.images.tolist()]
    group = by_group[validation.groups[doubted[0]]]
    if len(group) <= _MOST_IMAGES:
        return group
    return [*doubted, *(image for image in group if image not in set(doubted))][:_MOST_IMAGES]


def _item(item: Item, validation: Validation, run: Path) -> dict[str, Any]:
    """Return a suspect as the page is told of it, but for the numbers of its pictures."""
    first, judged = item.suspect.doubts[0], item.suspect.judged
    names, probabilities = judged.names, first.probabilities
    ranked = sorted(range(len(probabilities)), key=lambda label: -probabilities[label])
    kept = [label for label in ranked if label in ranked[:_MOST_PROBABILITIES] or label == first.given]

    # A number, such as an age, can be typed in where the only answers are the ranges that it falls into.
    fields = {cell.field for option in item.options for cell in option.cells}
    limits = validation.task.numbers.get(next(iter(fields))) if len(fields) == 1 else None

    asked_for = [] if judged.label is None else [names[1]]
    cells = [f"{cell.profile}/{cell.field}" for cell in item.options[0].cells]
    suggested = f"{names[first.suggested]} {probabilities[first.suggested]:.2f}"
    given = f"{names[first.given]} {probabilities[first.given]:.2f}"
    return {
        "id": "/".join([item.question, *asked_for, *cells]),
        "question": item.question,
        "group": validation.groups[int(first.images[0])],
        "given": item.given,
        "suggested": item.suggested,
        "probabilities": [[names[label], round(probabilities[label], 4)] for label in kept],
        "options": list(map(_option, item.options)),
        "number": list(limits) if limits else None,
        "reason": f"seen in a review of {run}: {suggested}, {given}",
    }


def _option(option: Option) -> dict[str, Any]:
    cells = [[cell.profile, cell.field, cell.before, cell.after, cell.separator] for cell in option.cells]
    return {"name": option.name, "cells": cells}
