"""Texts: what is compared of one, and many of them in a few arrays instead of an object each."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

_UNSEEN = "\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"  # which no strip() removes


def comparable(text: str) -> str:
    """Return what of a text counts when it is compared, so that texts that look equal are equal.

    Letters are composed (Unicode's NFC: a Mac decomposes Korean and accented ones in file names and
    archives), and blanks around the text are not part of it. Every text from outside goes through here
    once, where it is read; what is written back is written as it was read.
    """
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text).strip().strip(_UNSEEN).strip()


def spelling_like(texts: Iterable[str], like: Iterable[str]) -> dict[str, str]:
    """Return how ``texts``, which are ``comparable``, are spelt by somebody who spells some of them.

    Args:
        like: texts as that one wrote them, among others. What they show of composed or decomposed letters
            goes for the other texts too, unless they show both.

    Returns:
        the spelling of each text of which it can be told.
    """
    known, spelt = set(texts), dict[str, set[str]]()
    for text in like:
        if (name := comparable(text)) in known:
            spelt.setdefault(name, set()).add(text.strip())
    spelling_of = {name: next(iter(several)) for name, several in spelt.items() if len(several) == 1}
    for form in ("NFC", "NFD"):
        if all(
            spelling == unicodedata.normalize(form, name) for name, spelling in spelling_of.items()
        ) and any(unicodedata.normalize("NFD", name) != name for name in spelling_of):
            return {name: unicodedata.normalize(form, name) for name in known} | spelling_of
    return spelling_of


class Texts(Sequence[str]):
    """A sequence of texts of which equal ones are kept once; a text is made when it is asked for.

    Attributes:
        numbers: (N) which of the different texts each one is, from 0 in the order of their first place.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        number_of: dict[str, int] = {}
        numbers = [number_of.setdefault(text, len(number_of)) for text in texts]
        self.numbers: NDArray[np.unsignedinteger] = np.array(numbers, np.min_scalar_type(len(number_of)))
        encoded = [text.encode("utf-8", "surrogateescape") for text in number_of]
        self._bytes = b"".join(encoded)
        ends = np.cumsum([0, *map(len, encoded)])
        self._ends = ends.astype(np.min_scalar_type(ends[-1]))

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, row: SupportsIndex) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> str | tuple[str, ...]:
        if isinstance(row, slice):
            return tuple(map(self._text, self.numbers[row].tolist()))
        return self._text(int(self.numbers[row.__index__()]))

    def __iter__(self) -> Iterator[str]:
        return map(self.different().__getitem__, self.numbers.tolist())

    def different(self) -> list[str]:
        """Return each text that is there once, in the order of their first place."""
        return [self._text(number) for number in range(len(self._ends) - 1)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _text(self, number: int) -> str:
        part = self._bytes[int(self._ends[number]) : int(self._ends[number + 1])]
        return part.decode("utf-8", "surrogateescape")
