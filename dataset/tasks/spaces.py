"""A label space: one question about an image and the labels that may answer it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dataset.metrics.evidence import AnyOfEvidence, Evidence, OneOfEvidence
from dataset.tasks.answers import marked_index
from dataset.tasks.valued import Valued
from utils.errors import closest

Mark = tuple[int, ...] | Mapping[int, float]  # label indices, or the share in [0, 1] of each


@dataclass(frozen=True)
class Space(Valued):
    """A named, ordered set of labels; ``kind`` tells a loss what its targets mean."""

    name: str
    labels: tuple[str, ...]

    kind = "abstract"
    evidence: ClassVar[type[Evidence]] = Evidence  # what metrics are given of it
    without = "not labelled"  # what a target row of zeros says, in words
    rule = ""  # in words, how labels are chosen where that is not by thresholds

    @property
    def limits(self) -> tuple[float | None, ...]:
        """The threshold in force of each label (K); None where labels are chosen by another rule."""
        return (None,) * len(self.labels)

    def targets(self, marked: list[Mark]) -> Tensor:
        """Return float (N, K): 1 for each marked label index, or its share; nothing marked is zeros."""
        targets = np.zeros((len(marked), len(self.labels)), dtype=np.float32)
        rows = np.repeat(np.arange(len(marked)), [len(mark) for mark in marked])
        labels = np.fromiter(chain.from_iterable(marked), dtype=np.int64, count=len(rows))
        shares = (mark.values() if isinstance(mark, Mapping) else repeat(1.0, len(mark)) for mark in marked)
        targets[rows, labels] = np.fromiter(chain.from_iterable(shares), dtype=np.float32, count=len(rows))
        return torch.from_numpy(targets)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each label in [0, 1], float32 (N, K)."""
        raise NotImplementedError

    def logits(self, probabilities: Tensor) -> Tensor:
        """Return finite logits, float64 (N, K), of which ``probabilities`` makes these again."""
        raise NotImplementedError

    def decide(self, logits: Tensor) -> Tensor:
        """Return the chosen labels as bool (N, K)."""
        raise NotImplementedError

    def as_evidence(self, marked: Tensor) -> NDArray[Any]:
        """Return what targets or choices (N, K) say, in the form of this space's evidence."""
        raise NotImplementedError

    def shares(self, targets: Tensor) -> Tensor:
        """Return how much of the labelled images each label has, float64 (K) in [0, 1], of targets (N, K)."""
        raise NotImplementedError

    def surprise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return -log of the probability that each image's targets got, in nats, (N)."""
        raise NotImplementedError


@dataclass(frozen=True)
class OneOf(Space):
    """Exactly one label is right (softmax); a target row of zeros means "not labelled"."""

    kind = "one_of"
    evidence = OneOfEvidence

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.float().softmax(dim=1)

    def logits(self, probabilities: Tensor) -> Tensor:
        return probabilities.double().clamp(min=1e-16).log()

    def decide(self, logits: Tensor) -> Tensor:
        best = logits.argmax(dim=1, keepdim=True)
        return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, best, True)

    def as_evidence(self, marked: Tensor) -> NDArray[np.int64]:
        return marked_index(marked)

    def shares(self, targets: Tensor) -> Tensor:
        counts = targets.double().sum(dim=0)
        total = counts.sum()
        return counts / total if total > 0 else torch.full_like(counts, 1 / len(counts))

    def surprise(self, logits: Tensor, targets: Tensor) -> Tensor:
        return -(targets * self.probabilities(logits).clamp(min=1e-12).log()).sum(dim=1)


@dataclass(frozen=True)
class AnyOf(Space):
    """Each label is right or not by itself (sigmoid).

    Every image is labelled here: a target row of zeros is an answer, "none of them", that costs and
    scores as any other. (An image whose labels are not known does not belong into such a table.)

    Args:
        thresholds: in [0, 1]: a label is chosen from this probability on; one for each, or one for all.
        rule: in words, how labels are chosen where that is not by thresholds.
    """

    thresholds: tuple[float, ...] = (0.5,)
    rule: str = ""

    kind = "any_of"
    evidence = AnyOfEvidence
    without = "none"

    def __post_init__(self) -> None:
        if len(self.thresholds) not in (1, len(self.labels)):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels")

    @property
    def limits(self) -> tuple[float | None, ...]:
        if self.rule:
            return super().limits
        return self.thresholds if len(self.thresholds) > 1 else self.thresholds * len(self.labels)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.float().sigmoid()

    def logits(self, probabilities: Tensor) -> Tensor:
        return probabilities.double().clamp(1e-16, 1 - 1e-16).logit()

    def decide(self, logits: Tensor) -> Tensor:
        # In float64, where a threshold that lies between two probabilities stays between them.
        thresholds = torch.tensor(self.thresholds, dtype=torch.float64, device=logits.device)
        return self.probabilities(logits).double() >= thresholds

    def as_evidence(self, marked: Tensor) -> NDArray[np.bool_]:
        return np.asarray((marked >= 0.5).cpu().numpy())  # below 1 where images are mixed

    def marks(self, marked: Tensor) -> NDArray[np.bool_]:
        return self.as_evidence(marked)

    def known(self, targets: Tensor) -> NDArray[np.bool_]:
        return np.ones(len(targets), dtype=np.bool_)

    def shares(self, targets: Tensor) -> Tensor:
        return targets.double().sum(dim=0) / max(1, len(targets))

    def surprise(self, logits: Tensor, targets: Tensor) -> Tensor:
        logits = logits.float()
        present, absent = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        return -(targets * present + (1 - targets) * absent).sum(dim=1)


def check_space(space: str, spaces: Iterable[str], numbers: Iterable[str] = (), instead: str = "") -> None:
    """Raise ValueError, with the nearest name, unless ``space`` is one of ``spaces``.

    Args:
        numbers: spaces whose answers are numbers, which are none of these.
        instead: what to write where one of them is named.
    """
    names = tuple(spaces)
    if space in numbers:
        others = f"name one of {', '.join(names)}, or " if names else ""
        raise ValueError(
            f"space = {space} is a number, and hardly any two images have the same: {others}{instead}"
        )
    if space not in names:
        near = closest(space, names)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"space {space!r} is not one of {', '.join(names)}.{hint}")
