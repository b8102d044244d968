"""How many batches each epoch has, and where they stand in the time of a run, which is counted in epochs."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeGuard


class Pace:
    """An even one: every epoch is one pass over the data and is validated.

    Schedules and augmentations go by ``time``, so they come to their end whatever the epochs' lengths.
    """

    def __init__(self, batches: int) -> None:
        self._batches = batches

    def count(self, epoch: int) -> int:
        """Return the batches of an epoch; 0 when the run is over before it."""
        return self._batches

    def before(self, epoch: int) -> int:
        """Return the batches of all epochs before one."""
        return epoch * self._batches

    def most(self, epoch: int) -> int:
        """Return how many batches an epoch may have in the end."""
        return self.count(epoch)

    def time(self, epoch: int, batch: int) -> float:
        """Return the time in epochs when so many batches of an epoch are done."""
        return epoch + batch / self._batches

    def validates(self, epoch: int) -> bool:
        """Tell whether the model is validated after an epoch."""
        return True


_ENDLESS = 10**9


@dataclass(slots=True)
class Plan(Pace):
    """One that was fitted to a time limit: parts of a run that last equally long, each with its batches.

    What has not begun may change while ``moving``; what was trained never does, so that a finished plan
    repeats its run.

    Attributes:
        lead: batches at the start that stand at time 0, since nobody knows yet how long a batch takes.
        parts: of an epoch.
        batches: of each part of the run.
        validated: for each epoch, whether it is.
    """

    lead: int
    parts: int
    batches: list[int]
    validated: list[bool]
    moving: bool = False

    @classmethod
    def blank(cls, epochs: int, parts: int, lead: int) -> "Plan":
        """Return the plan of a run of which only the first ``lead`` batches are known."""
        return cls(lead, parts, [0] * (epochs * parts), [True] * epochs, moving=True)

    def count(self, epoch: int) -> int:
        """Return the batches of an epoch as planned; 0 when the run is over before it."""
        return sum(self.batches[epoch * self.parts : (epoch + 1) * self.parts]) + (0 if epoch else self.lead)

    def before(self, epoch: int) -> int:
        """Return the batches of all epochs before one."""
        return sum(self.batches[: epoch * self.parts]) + (self.lead if epoch else 0)

    def most(self, epoch: int) -> int:
        """Return how many batches an epoch may have in the end."""
        return _ENDLESS if self.moving else self.count(epoch)

    def time(self, epoch: int, batch: int) -> float:
        """Return the time in epochs when so many batches of an epoch are done."""
        done = batch if epoch else batch - self.lead
        if done <= 0:
            return float(epoch)
        for part, batches in enumerate(self.batches[epoch * self.parts : (epoch + 1) * self.parts]):
            if done < batches:
                return epoch + (part + done / batches) / self.parts
            done -= batches
        return epoch + 1.0

    def validates(self, epoch: int) -> bool:
        """Tell whether the model is validated after an epoch."""
        return self.validated[epoch]

    def part_from(self, epoch: int, batch: int) -> int | None:
        """Return the number of the part that begins there; None inside a part or before the first."""
        done = self.before(epoch) + batch - self.lead
        if done <= 0:
            return 0 if done == 0 else None
        ends = list(accumulate(self.batches))
        part = bisect_right(ends, done)  # empty parts belong to the one before them
        return part if ends[part - 1] == done else None

    def deal(self, part: int, steps: int, size: int) -> None:
        """Deal so many steps of ``size`` batches evenly among all parts from one on."""
        parts = len(self.batches) - part
        edges = [-(-number * steps // parts) for number in range(parts + 1)]
        self.batches[part:] = [(after - before) * size for before, after in pairwise(edges)]

    def values(self) -> dict[str, Any]:
        """Return what ``load`` takes, as plain values."""
        return {
            "lead": self.lead,
            "parts": self.parts,
            "batches": list(self.batches),
            "validated": list(self.validated),
        }

    def load(self, values: dict[str, Any]) -> None:
        """Become the plan that ``values`` were of.

        Raises:
            ValueError: they are of no plan.
        """
        counts, flags = values.get("batches"), values.get("validated")
        if not _are(counts, int) or not _are(flags, bool) or not _are([values.get("lead")], int):
            raise ValueError("it has no batches of parts, or no epochs that are validated")
        if not _are([values.get("parts")], int) or values["parts"] * len(flags) != len(counts):
            raise ValueError("its epochs have other parts than it says")
        for name in ("lead", "parts", "batches", "validated"):
            setattr(self, name, values[name])


def _are(values: Any, kind: type[int]) -> TypeGuard[list[Any]]:
    """Tell whether these are a list of one kind, and no number of it below 0."""
    return isinstance(values, list) and all(type(value) is kind and value >= 0 for value in values)
