"""Labels that a person may correct: what reviews and relabelling ask of a task."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from dataset.tasks.questions import Facts, Questions


class Relabelling(Questions):
    """A task that can't say which facts another label stands for."""

    numbers: ClassVar[Mapping[str, tuple[int, int]]] = {}  # facts that are whole numbers: from and to

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts | None:
        """Return the facts, changed as little as possible, of which ``encode`` makes another label.

        Args:
            question: one of those that ``asked`` returns.
            label: its index there.
            present: False, where an image has any number of labels: the label is not one of them.

        Returns:
            None: this task can't say.
        """
        return None

    def asked(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probabilities (N, K) of each question whose labels can be wrong by themselves."""
        return dict(probabilities)
