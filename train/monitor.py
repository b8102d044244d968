"""The one number that decides which epoch is best, everywhere."""

from schedulers.base import EpochScores, ScoreHistory


class Monitor:
    """Compares epochs by a score, or by the ``loss``.

    Args:
        name: of the score.
        direction: 1 where more of it is better, -1 where less is, as of the ``loss``.
    """

    def __init__(self, name: str, direction: int = 1) -> None:
        self.name = name
        self.direction = -1 if name == "loss" else direction

    def value(self, entry: EpochScores) -> float:
        """Return a number of an epoch that is better when it is higher."""
        return self.direction * entry[self.name]

    def best(self, history: ScoreHistory) -> int:
        """Return the index of the best epoch, the earliest one of equals; -1 without any."""
        return max(range(len(history)), key=lambda i: (self.value(history[i]), -i), default=-1)
