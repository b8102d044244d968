"""Many texts, such as the names of all images, in a few arrays instead of an object each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Texts(Sequence[str]):
    """A sequence of texts of which equal ones are kept once; a text is made when it is asked for.

    Attributes:
        numbers: (N) which of the different texts each one is, from 0 in the order of their first place.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        place: dict[str, int] = {}
        numbers = [place.setdefault(text, len(place)) for text in texts]
        self.numbers: NDArray[np.unsignedinteger] = np.array(numbers, np.min_scalar_type(len(place)))
        encoded = [text.encode("utf-8", "surrogateescape") for text in place]
        self._bytes = b"".join(encoded)
        ends = np.cumsum([0, *map(len, encoded)])
        self._ends = ends.astype(np.min_scalar_type(ends[-1]))

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...

    def __getitem__(self, row: int | slice) -> str | tuple[str, ...]:
        if isinstance(row, slice):
            return tuple(map(self._text, self.numbers[row].tolist()))
        return self._text(int(self.numbers[row]))

    def __iter__(self) -> Iterator[str]:
        different = [self._text(number) for number in range(len(self._ends) - 1)]
        return map(different.__getitem__, self.numbers.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _text(self, number: int) -> str:
        part = self._bytes[int(self._ends[number]) : int(self._ends[number + 1])]
        return part.decode("utf-8", "surrogateescape")
