"""The sheet of suspected labels: what a team looks at, and what its marks would correct."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
Place = tuple[str, str]  # of a correction: profile and field


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
    def view(self) -> str:
        return self.suspect.question.view

    @property
    def given(self) -> str:
        return self._words([doubt.given for doubt in self.suspect.doubts])

    @property
    def suggested(self) -> str:
        return self._words([doubt.suggested for doubt in self.suspect.doubts])

    def _words(self, labels: Sequence[int]) -> str:
        return " and ".join(self.suspect.question.names[label] for label in labels)


def items(
    validation: Validation, suspects: Sequence[Suspect], most: int, corrected: Sequence[Place] = ()
) -> list[Item]:
    """Return the worst suspects, at most ``most`` of each view, whose corrections can't contradict another's.

    Args:
        corrected: what the team has corrected before: it is not asked again.
    """
    found: list[Item] = []
    taken = set(corrected)
    of_view: dict[str, int] = {}
    for suspect in sorted(suspects, key=lambda suspect: suspect.margin):
        view = suspect.question.view
        if of_view.get(view, 0) == most:
            continue
        options = tuple(_options(validation, suspect))
        cells = [cell for option in options for cell in option.cells]
        places = {(cell.profile, cell.field) for cell in cells}
        if not options or places & taken:
            continue
        taken |= {(cell.profile, cell.field) for cell in cells if cell.separator is None}
        of_view[view] = of_view.get(view, 0) + 1
        found.append(Item(suspect, options))
    return found


def _options(validation: Validation, suspect: Suspect) -> Iterator[Option]:
    """Yield the suggested answer and then the others; those that the data set can't be told are left out."""
    names = suspect.question.names
    each = [_cells(validation, suspect, doubt, doubt.suggested) for doubt in suspect.doubts]
    if len(each) == 1:
        doubt = suspect.doubts[0]
        likely = sorted(range(len(names)), key=lambda label: -doubt.probabilities[label])[: _MOST_OPTIONS + 1]
        others = [label for label in sorted(likely) if label not in (doubt.given, doubt.suggested)]
        for label in (doubt.suggested, *others)[:_MOST_OPTIONS]:
            if cells := _cells(validation, suspect, doubt, label):
                yield Option(names[label], cells)
    elif all(each):
        yield Option("swap both", tuple(cell for cells in each for cell in cells))
        for doubt, cells in zip(suspect.doubts, each, strict=True):
            yield Option(f"only {names[doubt.given]} \u2192 {names[doubt.suggested]}", cells)


def _cells(validation: Validation, suspect: Suspect, doubt: Doubt, label: int) -> tuple[Cell, ...]:
    """Return the corrections that give all images of a doubt a label; none where that can't be said."""
    dataset, question = validation.dataset, suspect.question
    found: dict[Cell, None] = {}
    for image in doubt.images.tolist():
        row = int(validation.rows[image])
        facts = _corrected(validation, dataset.facts_of(row), suspect, label)
        if facts is None:
            return ()
        cells = dataset.cells(row, facts)
        if not cells:  # no relabel file is read there: it is said by file and question
            before, after = question.names[doubt.given], question.names[label]
            cells = [Cell(dataset.files[row], question.view, before, after)]
        found |= dict.fromkeys(cells)
    return tuple(found)


def _corrected(validation: Validation, facts: Facts, suspect: Suspect, label: int) -> Facts | None:
    question, task = suspect.question, validation.task
    if not facts:
        return facts
    if question.label is None:
        changed = task.corrected(facts, question.view, label)
    else:
        changed = task.corrected(facts, question.view, question.label, present=bool(label))
    if changed is None:
        return facts
    try:
        task.encode(changed)
    except ValueError:  # labels that exclude one another, as in a hierarchy
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
    found: Sequence[Item],
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
    members: dict[str, list[int]] = {}
    for image, group in enumerate(validation.groups):
        members.setdefault(group, []).append(image)
    shown = [_shown(item, validation, members) for item in found]
    pictures.need([image for images in shown for image in images])
    place = {image: number for number, image in enumerate(dict.fromkeys(i for of in shown for i in of))}
    return {
        "run": str(run),
        "key": key,
        "note": note,
        "columns": list(COLUMNS),
        "earlier": [list(row) for row in earlier],
        "images": [
            {"file": pictures.file(i), "name": PurePosixPath(pictures.file(i)).stem, "jpeg": pictures[i]}
            for i in place
        ],
        "items": [
            _item(item, validation, run) | {"images": [place[image] for image in images]}
            | {"doubted": [place[i] for doubt in item.suspect.doubts for i in _marked(doubt) if i in place]}
            for item, images in zip(found, shown, strict=True)
        ],
    }  # fmt: skip


def _marked(doubt: Doubt) -> list[int]:
    """Return the images to frame: none where a whole group is in doubt."""
    return doubt.images.tolist() if len(doubt.images) == 1 else []


def _shown(item: Item, validation: Validation, members: Mapping[str, list[int]]) -> list[int]:
    """Return the images of a suspect's group, in the table's order; of a large one those in doubt first."""
    doubted = [image for doubt in item.suspect.doubts for image in doubt.images.tolist()]
    group = members[validation.groups[doubted[0]]]
    if len(group) <= _MOST_IMAGES:
        return group
    return [*doubted, *(image for image in group if image not in set(doubted))][:_MOST_IMAGES]


def _item(item: Item, validation: Validation, run: Path) -> dict[str, Any]:
    suspect, first = item.suspect, item.suspect.doubts[0]
    question = suspect.question
    of = first.probabilities
    ranked = sorted(range(len(of)), key=lambda label: -of[label])
    kept = [label for label in ranked if label in ranked[:_MOST_PROBABILITIES] or label == first.given]
    fields = {cell.field for option in item.options for cell in option.cells}
    number = validation.task.numbers.get(next(iter(fields))) if len(fields) == 1 else None
    said = f"{question.names[first.suggested]} {of[first.suggested]:.2f}, {question.names[first.given]}"
    place = [f"{cell.profile}/{cell.field}" for cell in item.options[0].cells]
    return {
        "id": "/".join([item.view, *([] if question.label is None else [question.names[1]]), *place]),
        "view": item.view,
        "group": validation.groups[int(first.images[0])],
        "given": item.given,
        "suggested": item.suggested,
        "probabilities": [[question.names[label], round(of[label], 4)] for label in kept],
        "options": [
            {
                "name": option.name,
                "cells": [
                    [cell.profile, cell.field, cell.before, cell.after, cell.separator]
                    for cell in option.cells
                ],
            }
            for option in item.options
        ],
        "number": list(number) if number else None,
        "reason": f"seen in a review of {run}: {said} {of[first.given]:.2f}",
    }
