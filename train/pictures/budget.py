"""How much of a run's time may go into its pictures."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.1  # of the run's time so far
_GUESS = 1.0  # seconds that an epoch's pictures take, before they were measured


class DrawingBudget:
    """Allows drawing while all of it, with what the end will take, is a tenth of the time so far.

    Args:
        clock: seconds since whenever.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._began = clock, clock()
        self._spent = 0.0
        self.cost: float | None = None  # seconds of an epoch's pictures, when they were drawn last

    @property
    def expected(self) -> float:
        """The seconds that an epoch's pictures take."""
        return _GUESS if self.cost is None else self.cost

    def allows(self) -> bool:
        """Tell whether an epoch's pictures may be drawn, so that those of the last one may be as well."""
        return self._spent + 2 * self.expected <= SHARE * (self._clock() - self._began)

    @contextmanager
    def spending(self, *, pictures: bool = False) -> Iterator[None]:
        """Count what the work inside takes; ``pictures``: those of an epoch."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self._spent += seconds
            if pictures:
                self.cost = seconds
