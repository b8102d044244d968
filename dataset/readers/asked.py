"""What a review asks of a data set: what the organiser says of an image, and how a team corrects it."""

from collections.abc import Sequence

from dataset.readers.relabel import Cell
from dataset.tasks.base import Facts


class Reviewable:
    """A data set whose layout has no file of corrections; one that has says more."""

    _facts: Sequence[Facts]  # (N) what the table says of each image; none = nothing but its labels

    cells_are_read = False  # whether this layout has a relabel file

    def facts_of(self, row: int) -> dict[str, str]:
        """Return what the organiser says of one image: what the task's ``encode`` was given."""
        return dict(self._facts[row]) if self._facts else {}

    def profile(self, name: str) -> str:
        """Return the profile, as ``cells`` calls it, that a relabel file means by a name."""
        return name

    def of_group(self, fact: str) -> bool:
        """Return whether all images of a group have this fact in common, so that they are judged together."""
        return False

    def cells(self, row: int, facts: Facts) -> list[Cell]:
        """Return what a relabel file has to say so that an image has these facts; nothing if none can."""
        return []
