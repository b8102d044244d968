"""Which labels are taken for which."""

from dataclasses import dataclass

import numpy as np

from utils.metrics import Counts


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts (K, K), row = true label, column = chosen label; ``images`` (K) have each true label."""

    labels: tuple[str, ...]
    counts: Counts
    images: Counts

    def most_confused(self, most: int) -> "Confusion":
        """Return the part about the ``most`` labels that are taken for others most often."""
        others = self.counts * ~np.eye(len(self.labels), dtype=bool)
        wrong = others.sum(axis=0) + others.sum(axis=1)
        kept = np.sort(np.argsort(-wrong, kind="stable")[:most])
        labels = tuple(self.labels[index] for index in kept)
        return Confusion(labels, self.counts[np.ix_(kept, kept)], self.images[kept])
