"""The names of image files in little memory, and what the file system says of each."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from utils.texts import Texts


class NamedFiles(Sequence[str]):
    """The names of files relative to a folder; each file is asked once for its size and time.

    Args:
        root: the folder.
        names: (N) with slashes.
    """

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        parts = [name.rpartition("/") for name in names]
        self.root = root
        self._folders = Texts(folder + slash for folder, slash, _ in parts)
        self._names = Texts(name for *_, name in parts)

    @cached_property
    def facts(self) -> NDArray[np.int64]:
        """Bytes and time of change in nanoseconds (N, 2); -1, -1 for a file that is missing."""
        found, root = np.full((len(self), 2), -1, dtype=np.int64), f"{self.root}/"
        for row, name in enumerate(self):
            try:
                fact = os.stat(root + name)  # noqa: PTH116 - a Path for each takes ten times as long
            except OSError:
                continue
            found[row] = fact.st_size, fact.st_mtime_ns
        return found

    def path(self, row: int) -> Path:
        """Return where a file is."""
        return self.root / self[row]

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...

    def __getitem__(self, row: int | slice) -> str | tuple[str, ...]:
        if isinstance(row, slice):
            return tuple(map(str.__add__, self._folders[row], self._names[row]))
        return self._folders[row] + self._names[row]

    def __iter__(self) -> Iterator[str]:
        return map(str.__add__, self._folders, self._names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))
