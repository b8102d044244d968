"""Several questions as one space, and one space as several: what ensembles and reviews ask of a task."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from dataset.tasks.questions import Questions

if TYPE_CHECKING:
    from dataset.tasks.base import Task


class Joining(Questions):
    """A task that asks each question in a space of its own, and no other one."""

    @property
    def joined(self) -> "Task | None":
        """This task with what its deciding question asks as its only space; None: that is no space."""
        return self._itself if len(self.spaces) == 1 else None

    def join(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as ``joined`` has them."""
        return dict(marked)

    @property
    def parted(self) -> "Task":
        """This task with a space for each single question that is scored."""
        return self._itself

    def part(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as ``parted`` has them."""
        return dict(marked)

    @property
    def _itself(self) -> "Task":
        return self  # type: ignore[return-value]
