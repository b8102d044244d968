"""The names of image files in little memory, and what the file system says of each."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import SupportsIndex, overload

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

    @property
    def sizes(self) -> list[int]:
        """Bytes of each file (N); -1 for one that is missing."""
        sizes: list[int] = self._asked[0].tolist()
        return sizes

    @property
    def digest(self) -> str:
        """A digest of all names, sizes and times of change."""
        return self._asked[1]

    @cached_property
    def _asked(self) -> tuple[NDArray[np.signedinteger], str]:
        sizes, digest = np.full(len(self), -1, dtype=np.int64), hashlib.sha256()
        for row, name in enumerate(self):
            changed = -1
            try:
                fact = os.stat(f"{self.root}/{name}")  # noqa: PTH116 - Path.stat takes several times as long
                sizes[row], changed = fact.st_size, fact.st_mtime_ns
            except OSError:
                pass
            digest.update(f"{name}\0{sizes[row]}\0{changed}\n".encode("utf-8", "surrogateescape"))
        return sizes.astype(np.min_scalar_type(-int(sizes.max(initial=0)) - 1)), digest.hexdigest()

    def path(self, row: int) -> Path:
        """Return where a file is."""
        return self.root / self[row]

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, row: SupportsIndex) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> str | tuple[str, ...]:
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
