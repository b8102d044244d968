"""The one number that decides which epoch is best, everywhere."""

from collections.abc import Sequence

History = Sequence[dict[str, float]]


class Monitor:
    """Compares epochs by a score (higher is better) or by the ``loss`` (lower is better)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, entry: dict[str, float]) -> float:
        """Return a number of an epoch that is better when it is higher."""
        return -entry["loss"] if self.name == "loss" else entry[self.name]

    def best(self, history: History) -> int:
        """Return the index of the best epoch, the earliest one of equals; -1 without any."""
        return max(range(len(history)), key=lambda i: (self.value(history[i]), -i), default=-1)
