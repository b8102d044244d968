"""Targets in other spaces: several questions as one, and one space as several, for ensembles and reviews."""

from collections.abc import Mapping

from torch import Tensor

from dataset.tasks.questions import Questions


class Joining(Questions):
    """A task that asks each question in a space of its own, and no other one."""

    def join(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as the task's ``joined`` has them."""
        return dict(marked)

    def part(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as the task's ``parted`` has them."""
        return dict(marked)
