"""How far the answers to questions of grades are off: a neighbour is a smaller mistake than the other end."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiment.saved_run import SavedRun
from utils.text_table import Cells

_SIZES = ("right", "off by 1", "off by 2", "by more")
GRADES = ("question", "grade", "images", "mean distance", "mean size", *_SIZES)
NOTE = (
    "Distance: answered - true grade, in steps; a mean below 0 says that answers are too low there. Size: "
    "whatever the direction. Then the share of the images with each size."
)
ALL = "all"


@dataclass(frozen=True, slots=True)
class Distances:
    """How many steps the answers about M images lie above (+) or below (-) a question's true grade."""

    question: str
    grade: str
    steps: NDArray[np.int64]  # (M)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of images that are right, off by one step, by two, and by more."""
        counts = np.bincount(np.abs(self.steps).clip(max=3), minlength=4)
        return tuple((counts / len(self.steps)).tolist())

    @property
    def cells(self) -> Cells:
        """A row of ``GRADES``."""
        means = f"{self.steps.mean():+.3f}", f"{np.abs(self.steps).mean():.3f}"
        shares = tuple(f"{share:.3f}" for share in self.shares)
        return (self.question, self.grade, len(self.steps), *means, *shares)


def distances(run: SavedRun) -> Iterator[Distances]:
    """Yield those of each question of grades: of all labelled images, and of each true grade."""
    ordered = [space for space in run.task.spaces if space.ordered]
    choices = run.task.decide(run.logits) if ordered else {}
    for space in ordered:
        true, answered = space.index(run.targets[space.name]), space.index(choices[space.name])
        steps, known = answered - true, true >= 0
        if known.any():
            yield Distances(space.name, ALL, steps[known])

        for grade, name in enumerate(space.labels):
            if (true == grade).any():
                yield Distances(space.name, name, steps[true == grade])
