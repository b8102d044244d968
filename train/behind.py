"""Work beside training: checkpoints that are written, pictures that are drawn, while the next steps run."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import torch

When = bool | Literal["auto"]


def pays(device: torch.device, chosen: When = "auto") -> bool:
    """Tell whether to work beside training; auto: on a GPU. A CPU has no cores to spare for it."""
    return device.type == "cuda" if chosen == "auto" else chosen


class Behind:
    """Does one thing at a time, in a thread; what went wrong is raised where it is waited for.

    Attributes:
        seconds: that the last thing took.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._pool: ThreadPoolExecutor | None = None
        self._work: Future[None] | None = None
        self._next: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether the last thing is still being done."""
        return self._work is not None and not self._work.done()

    @property
    def untold(self) -> bool:
        """Whether there is something that is still to be called."""
        return self._next is not None

    def start(self, work: Callable[[], None]) -> None:
        """Do something, after what is being done."""
        self.wait()
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._work = self._pool.submit(self._timed, work)

    def wait(self) -> None:
        """Come back when everything is done; raise what it raised, also when asked again."""
        if self._work is not None:
            self._work.result()
            self._work = None

    def then(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` when everything is done: now, or in ``look`` or ``settle``."""
        self._next = tell
        self.look()

    def look(self) -> None:
        """Call what is to be called, if everything is done."""
        if self._next is not None and not self.busy:
            self.settle()

    def settle(self) -> None:
        """Wait, and call what is to be called."""
        self.wait()
        tell, self._next = self._next, None
        if tell is not None:
            tell()

    def _timed(self, work: Callable[[], None]) -> None:
        started = time.perf_counter()
        work()
        self.seconds = time.perf_counter() - started
