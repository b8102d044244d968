"""One answer about several images: the mean of the probabilities of those of a case, or of the numbers."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.readers.cases import EvalCases
from dataset.tasks.spaces import Space
from inference.predict import Predictions

Ints = NDArray[np.int64]


def pooled(predictions: Predictions, case_of: Ints | None, spaces: Sequence[Space]) -> Predictions:
    """Return one prediction a case, in the order of their first images, by whose rows they go.

    Args:
        predictions: of M images.
        case_of: the number of the case of each image of the table; a row beyond it is a case of its own.
            None: each image is answered by itself.
    """
    if case_of is None:
        return predictions
    rows = predictions.rows
    known = rows < len(case_of)
    case = np.where(known, case_of[np.where(known, rows, 0)], rows + case_of.max(initial=-1) + 1)

    _, first, numbers = np.unique(case, return_index=True, return_inverse=True)
    if len(first) == len(rows):  # which also keeps every bit
        return predictions
    order = np.argsort(first)
    numbers, first = np.argsort(order)[numbers], first[order]
    logits = {s.name: _mean(predictions.logits[s.name], numbers, len(first), s) for s in spaces}
    targets = {name: values[torch.from_numpy(first)] for name, values in predictions.targets.items()}
    return Predictions(rows[first], logits, targets)


def answers_of(predictions: Predictions, cases: EvalCases | None, spaces: Sequence[Space]) -> Predictions:
    """Return the prediction of each row of a submission that has an image which was read."""
    if cases is None:
        return predictions
    means = pooled(predictions, cases.numbers, spaces)
    indices = _indices(means, cases)[cases.answered]
    return _at(means, indices[indices >= 0], np.flatnonzero(indices >= 0))


def of_each_image(predictions: Predictions, cases: EvalCases | None, spaces: Sequence[Space]) -> Predictions:
    """Return for each image that was read the prediction of its case."""
    if cases is None:
        return predictions
    means = pooled(predictions, cases.numbers, spaces)
    return _at(means, _indices(means, cases)[cases.numbers[predictions.rows]], predictions.rows)


def _indices(means: Predictions, cases: EvalCases) -> Ints:
    """Return where each case (C) is among the means, -1 if no image of it was read."""
    index_of = np.full(len(cases.names), -1)
    index_of[cases.numbers[means.rows]] = np.arange(len(means.rows))
    return index_of


def _at(means: Predictions, indices: Ints, rows: Ints) -> Predictions:
    logits = {name: values[torch.from_numpy(indices)] for name, values in means.logits.items()}
    return Predictions(rows, logits, {})


def _mean(logits: Tensor, numbers: Ints, count: int, space: Space) -> Tensor:
    """Return logits (C, K), float32, of the means of images (M, K), by the number (M) of each one's case."""
    probabilities = space.probabilities(logits).double()
    index = torch.from_numpy(numbers)
    sums = torch.zeros(count, probabilities.shape[1], dtype=torch.float64).index_add_(0, index, probabilities)
    sizes = torch.bincount(index, minlength=count)[:, None]
    return space.logits(sums / sizes).float()
