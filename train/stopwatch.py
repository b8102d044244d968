"""Where the time of training goes, measured without making a device wait."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
_NEARLY = 0.9


class Stopwatch:
    """Adds up the seconds of named parts of the work.

    What a GPU does is timed by events in its own queue, which are read when somebody asks. All else, and the
    wait for data on any device, is timed by the clock.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._on_device = self._queueing = 0.0  # seconds of the GPU's work, and those that queueing it took

    @contextmanager
    def time(self, part: str, *, on_device: bool = True) -> Iterator[None]:
        """Add what the work inside takes to its part; ``on_device`` if it is queued there, not done here."""
        if self._on_gpu and on_device:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            started = time.perf_counter()
            begin.record()
            yield
            end.record()
            self._queueing += time.perf_counter() - started
            self._events.append((part, begin, end))
        else:
            started = time.perf_counter()
            yield
            self._seconds[part] += time.perf_counter() - started

    def waiting(self, part: str, items: Iterator[T]) -> Iterator[T]:
        """Yield the items; the time that each lets us wait is added to that of the part."""
        while True:
            with self.time(part, on_device=False):
                item = next(items, None)
            if item is None:
                return
            yield item

    def read(self) -> dict[str, float]:
        """Return the seconds of each part since the last reading, in the order in which they came."""
        for part, begin, end in self._events:
            end.synchronize()
            seconds_on_device = begin.elapsed_time(end) / 1000
            self._seconds[part] += seconds_on_device
            self._on_device += seconds_on_device
        seconds = dict(self._seconds)
        self._seconds.clear()
        self._events.clear()
        return seconds

    @property
    def gpu_waits(self) -> bool:
        """Whether the GPU's work took hardly longer than Python needed to queue it, in all that was read.

        The events of a GPU that waits for its next kernel are as far apart as those of one that computes.
        """
        return self._on_device > 0 and self._queueing >= _NEARLY * self._on_device
