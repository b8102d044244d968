"""What metrics of numbers have in common."""

from collections.abc import Sequence

import numpy as np

from dataset.metrics.base import Floats, Metric
from dataset.metrics.evidence import Evidence, OneOfEvidence
from dataset.metrics.tally import Tally


class NumberMetric(Metric):
    """A metric of numbers; of labels that are numbers, as grades are, it takes the answered label's."""

    suits = frozenset({"one_of", "number"})
    needs = "numbers"
    graded = True

    def check(self, labels: Sequence[str], kind: str) -> None:
        super().check(labels, kind)
        if kind == OneOfEvidence.kind:
            empty = np.zeros(0, dtype=np.int64)
            OneOfEvidence(tuple(labels), empty, lambda: empty, lambda: np.zeros((0, len(labels)))).numbers()


def moments(evidence: Evidence) -> Tally:
    """Return sums of 1, x, y, x x, y y, x y and (x - y)^2 of true numbers x and answered ones y.

    Both are counted from the mean of the true ones, so that nothing is lost where they are far from 0.
    """
    true, answered = evidence.numbers()
    middle = true.mean() if len(true) else 0.0
    x, y = true - middle, answered - middle
    return Tally.of_sums(evidence.known, np.ones(len(x)), x, y, x * x, y * y, x * y, (x - y) ** 2)


def correlation(sums: Floats) -> Floats:
    """Return Pearson's correlation in [-1, 1] of such sums (..., 7); 0 where either is constant."""
    count, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    count = np.where(count > 0, count, 1)
    of_x, of_y, together = xx - x * x / count, yy - y * y / count, xy - x * y / count

    # What rounding leaves of the spread of a constant is none.
    varies = (of_x > 1e-12 * xx) & (of_y > 1e-12 * yy)
    spread = np.sqrt(np.where(varies, of_x * of_y, 1))
    return np.asarray(np.where(varies, together / spread, 0.0).clip(-1, 1))
