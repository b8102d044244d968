"""What every part of a task may ask of it, and the words for what goes in and out.

Shapes: N images, K labels of a space. *targets* are float (N, K) per space, *choices* bool (N, K).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.spaces import Mark, Space

Logits = dict[str, Tensor]
Targets = dict[str, Tensor]
Choices = dict[str, Tensor]
Marked = dict[str, Mark]  # label indices, or their shares, by space; () = not labelled
Facts = Mapping[str, str]  # what the organiser says of one image, as text
Tuning = Mapping[str, Sequence[float]]  # what a task found on the validation images, by name
Judge = Callable[[Mapping[str, Tensor]], float]  # from probabilities (N, K) by space to one score
EvidenceLabels = Mapping[str, NDArray[Any]]  # by question: label indices (N,), -1 for none, or marks (N, K)
LABELS = "labels"  # the fact with the names of an image's labels, as a reader found them: one a line


class Questions:
    """The core of a task, as its other parts see it; ``Task`` says what each of these returns."""

    spaces: tuple[Space, ...]

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        raise NotImplementedError

    @property
    def main_questions(self) -> tuple[str, ...]:
        raise NotImplementedError

    def probabilities(self, logits: Logits) -> dict[str, Tensor]:
        raise NotImplementedError

    def decide(self, logits: Logits) -> Choices:
        raise NotImplementedError

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        raise NotImplementedError

    def as_evidence(self, marked: Mapping[str, Tensor]) -> EvidenceLabels:
        raise NotImplementedError

    def sure(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        raise NotImplementedError

    def marks(self, marked: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        raise NotImplementedError

    def space_of(self, question: str) -> Space:
        raise NotImplementedError
