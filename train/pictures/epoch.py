"""Which pictures show what a model did with the validation images."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.base import Choices, Task
from dataset.tasks.confusion import Confusion
from dataset.tasks.spaces import Space
from inference.label_report import rates
from inference.predict import Predictions
from train.pictures.drawing import Picture, table
from train.pictures.sheets import confusion_picture, image_sheet
from train.validator import Validator
from utils.metrics import SortedPrecision

SMALL = 6  # labels: matrices up to this size share one picture
_LARGE = 40  # of more than that, a picture shows those about which it says most
_TAGS = ("label", "support", "AP", "precision", "recall", "threshold")


def epoch_pictures(
    task: Task, predictions: Predictions, validator: Validator, worst: int
) -> Iterator[tuple[str, Picture]]:
    """Yield the pictures of a validation, each with its name; ``worst``: how many mistakes are shown."""
    logits, targets = predictions.logits, predictions.targets
    choices = task.decide(logits)
    confusions = task.confusions(choices, targets)
    for space in task.spaces:
        if space.kind == "any_of":
            confusions.pop(space.name)
            yield f"scores of {space.name}", tags_picture(task, space, predictions, choices)
    yield from _matrices(confusions)

    mistakes = task.mistakes(logits, targets)[:worst]
    if len(mistakes):
        images = validator.batches.source.batch(predictions.rows[mistakes])
        captions = task.faults(
            {name: labels[mistakes] for name, labels in choices.items()},
            {name: labels[mistakes] for name, labels in targets.items()},
        )
        shown = images.permute(0, 2, 3, 1).cpu().numpy()
        yield "worst mistakes", image_sheet(shown, captions, "The worst mistakes: what is wrong with each")


def _matrices(confusions: Mapping[str, Confusion]) -> Iterator[tuple[str, Picture]]:
    small = {name: confusion for name, confusion in confusions.items() if len(confusion.labels) <= SMALL}
    if small:
        titled = [(_title(name, confusion, confusion), confusion) for name, confusion in small.items()]
        yield f"confusion/{', '.join(small)}", confusion_picture(titled)
    for name, confusion in confusions.items():
        if len(confusion.labels) > SMALL:
            part = confusion.most_confused(_LARGE)
            yield f"confusion/{name}", confusion_picture([(_title(name, confusion, part), part)])


def _title(name: str, whole: Confusion, part: Confusion) -> str:
    if len(part.labels) == len(whole.labels):
        silent = int(whole.images.sum() - whole.counts.sum())  # a path that ended on a level above
        return f"{name}: {silent} of {whole.images.sum()} images got no answer" if silent else name
    return (
        f"{name}: {len(part.labels)} of {len(whole.labels)} labels, those most often taken for others; with "
        f"{part.counts.sum()} of the {whole.counts.sum()} answers"
    )


def tags_picture(task: Task, space: Space, predictions: Predictions, choices: Choices) -> Picture:
    """Return a table of the labels of which an image may have any.

    It says how many images have each, its average precision, and its precision and recall at the threshold
    in force; of more than 40 labels those with the lowest average precision.
    """
    evidence = task.evidence_of(choices, predictions.targets)[space.name]
    true, chosen = evidence.true, evidence.chosen
    sure = task.probabilities(predictions.logits)[space.name].cpu().numpy()
    support = true.sum(axis=0)
    average = SortedPrecision(true, sure).scores(np.ones(len(true), dtype=np.int64))
    counts = [marks.sum(axis=0).astype(np.float64) for marks in (true & chosen, true, chosen)]
    precision, recall, _ = rates(*counts)

    kept = _lowest(average)
    bars = np.nan_to_num(np.stack([support / max(1, support.max()), average, precision, recall], axis=1))
    rows = [
        (
            space.labels[label],
            str(support[label]),
            *(_text(values[label]) for values in (average, precision, recall)),
            _text(space.limits[label]),
        )
        for label in kept
    ]
    return table(_tags_title(space, kept, len(true)), _TAGS, rows, [(*bars[label], 0.0) for label in kept])


def _lowest(average: NDArray[np.float64]) -> list[int]:
    """Return the labels to show, in their order: all, or those with the lowest average precision."""
    if len(average) <= _LARGE:
        return list(range(len(average)))
    there = np.flatnonzero(~np.isnan(average))
    lowest = there[np.argsort(average[there], kind="stable")][:_LARGE]
    return sorted(lowest.tolist())


def _tags_title(space: Space, kept: Sequence[int], images: int) -> str:
    all_ = len(space.labels)
    which = (
        f"all {all_} labels" if len(kept) == all_ else f"the {len(kept)} of {all_} labels with the lowest AP"
    )
    chosen = f"; chosen: {space.rule}" if space.rule else ""
    return f"{space.name}: {which}, on {images} validation images{chosen}"


def _text(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"
