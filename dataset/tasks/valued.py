"""What the values of a label space are: probabilities of labels, as a rule, or numbers."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.answers import marked_index


class Valued:
    """A label space whose values are probabilities; one of numbers says each of these otherwise."""

    labels: tuple[str, ...]
    without = "not labelled"  # what a target row of zeros says, in words
    numeric: ClassVar[bool] = False  # whether its values are numbers of any size
    ordered: ClassVar[bool] = False  # whether its labels are grades, the lowest first

    def index(self, marked: Tensor) -> NDArray[np.int64]:
        """Return the label (N,) that targets or choices (N, K) mark most, -1 where they mark none."""
        return marked_index(marked)

    def marks(self, marked: Tensor) -> NDArray[np.bool_]:
        """Return which labels each image has (N, K), from targets or choices."""
        return np.asarray(self.index(marked)[:, None] == np.arange(len(self.labels)))

    def known(self, targets: Tensor) -> NDArray[np.bool_]:
        """Return which images (N) are labelled."""
        return np.asarray(self.index(targets) >= 0)

    def as_chosen(self, targets: Tensor) -> Tensor:
        """Return choices (N, K) that say the same as targets."""
        return targets > 0

    def words(self, marked: Tensor) -> list[str]:
        """Return what targets or choices (N, K) say of each image, as people read it."""
        return [", ".join(self.labels[i] for i in np.flatnonzero(row)) or self.without for row in marked > 0]

    def cell(self, probability: float) -> str:
        """Return one of the probabilities as a table of predictions has it."""
        return f"{probability:.6f}"

    def cells(self, probabilities: Tensor) -> list[list[str]]:
        """Return the cells (N, K) of such a table."""
        return [[self.cell(value) for value in row] for row in probabilities.tolist()]

    def in_a_file(self, probabilities: Tensor) -> Tensor:
        """Return probabilities as whoever reads such a table gets them."""
        return (probabilities * 1e6).round() / 1e6

    def strata(self, targets: Tensor) -> NDArray[np.bool_]:
        """Return (N, S) what each image has of which all folds are to get the same share."""
        return np.asarray((targets >= 0.5).numpy())

    def units(self, targets: Tensor) -> tuple[float, float] | None:
        """Return mean and spread of what is trained on, where a model learns numbers in these units."""
        return None

    def difference(self, before: Tensor, after: Tensor) -> float:
        """Return by how much two models' answers differ at most: of probabilities, in [0, 1]."""
        return float((before - after).abs().max())
