"""Which labels a score of probabilities is the mean over."""

from collections.abc import Sequence

from dataset.metrics.evidence import Evidence
from utils.errors import closest


def scored_labels(evidence: Evidence, positive: str | None) -> Sequence[int]:
    """Return the labels: all of them, or the positive one where one of two is right."""
    if evidence.kind == "one_of" and len(evidence.labels) == 2:
        return [1 if positive is None else evidence.labels.index(positive)]
    return range(len(evidence.labels))


def check_positive(positive: str | None, labels: Sequence[str], kind: str) -> None:
    """Refuse a label that is not there, or where there is no question of it.

    Raises:
        ValueError: says what there is.
    """
    if positive is None:
        return
    if kind != "one_of" or len(labels) != 2:
        raise ValueError(
            f"positive = {positive} is for two labels of which one is right; here the score is the mean over "
            f"{len(labels)} labels"
        )
    if positive not in labels:
        near = closest(positive, labels)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"positive = {positive} is not one of {', '.join(map(repr, labels))}.{hint}")
