"""Prepared images that somebody may use before all of them are there."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Condition

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.croppers.base import Pixels

_WAITING = 2**26  # bytes of images that may wait until they are asked for


class NotComing(Exception):
    """An image can't be read, or the work that prepares it has ended."""


class Coming:
    """Images while they are prepared, as a source whose batches wait for them; asked for in rising order.

    Of what is prepared long before it is asked for little is kept: whoever prepares waits then.

    Args:
        shape: (N, H, W, 3).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.bad: dict[int, str] = {}
        self.missed: list[int] = []
        self.remarks: dict[str, list[int]] = {}  # all three are known in the end only
        self._shape = shape
        self._most = max(1, _WAITING // (shape[1] * shape[2] * shape[3]))
        self._images: dict[int, Pixels] = {}
        self._asked = 0  # rows before this one
        self._lacking: list[set[int]] = []  # of each batch that is waited for, the rows that are not there
        self._over, self._stopped = False, False
        self._changed = Condition()

    def __len__(self) -> int:
        return self._shape[0]

    def put(self, row: int, image: Pixels) -> None:
        """Take a prepared image, which stays as it is; several threads do this, about in the order of rows.

        Raises:
            NotComing: nobody wants the images any more, prepared or not.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._over or row < self._asked + self._most)
            if self._stopped:
                raise NotComing
            if self._over:
                return
            self._images[row] = image
            for lacking in self._lacking:
                lacking.discard(row)
            if not all(self._lacking):  # to wake somebody for less takes time from those who prepare
                self._changed.notify_all()

    def end(self, *, stopped: bool = False) -> None:
        """Let nobody wait any more.

        Args:
            stopped: the images themselves are not wanted any more either.
        """
        with self._changed:
            self._over, self._stopped = True, self._stopped or stopped
            self._images.clear()
            self._changed.notify_all()

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        """Return uint8 (N, 3, H, W) in channels-last memory when all of them are there.

        Raises:
            NotComing: one of them never will be.
        """
        wanted = rows.tolist()
        with self._changed:
            self._asked = max(self._asked, *(row + 1 for row in wanted))
            self._changed.notify_all()
            lacking = set(wanted) - self._images.keys()
            self._lacking.append(lacking)
            self._changed.wait_for(lambda: self._over or not lacking)
            if self._over:
                raise NotComing
            self._lacking = [other for other in self._lacking if other is not lacking]
            parts = [self._images.pop(row) for row in wanted]

        images = torch.empty((len(parts), *self._shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        np.stack(parts, out=images.numpy())
        return images.permute(0, 3, 1, 2)


@contextmanager
def ended_by_failure(coming: Coming | None) -> Iterator[None]:
    """End ``coming``, if given, where what is inside fails: images that will not be there are waited for."""
    try:
        yield
    except BaseException:
        if coming is not None:
            coming.end()
        raise


Meanwhile = Callable[[Coming], None]  # what uses images while they are prepared


def alongside(
    prepare: Callable[[Coming | None], None], shape: tuple[int, ...], use: Meanwhile | None
) -> None:
    """Prepare all images, with a thread in which that goes on while they are used, if they are.

    Args:
        prepare: gives each image to what it is called with, and ends that where one can't be read.
        shape: of the images, (N, H, W, 3).
        use: is left alone with a NotComing where the images can't be used before all are there.
    """
    if use is None or not shape[0]:
        prepare(None)
        return

    coming = Coming(shape)
    with ThreadPoolExecutor(1, "prepare") as thread:
        prepared = thread.submit(prepare, coming)
        prepared.add_done_callback(lambda done: coming.end() if done.exception() else None)
        try:
            with suppress(NotComing):
                use(coming)
            coming.end()
            prepared.result()
        except BaseException:
            coming.end(stopped=True)
            raise
