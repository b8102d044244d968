"""The values that an option may have, in words: ``convert`` takes just these."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from utils.allowed import allowed
from utils.convert import Count, Fraction, Interval, Name, Positive
from utils.duration import Duration


class Chosen:
    """Not shown."""

    @classmethod
    def from_text(cls, text: str) -> "Chosen":
        return cls()

    @classmethod
    def allowed(cls) -> str:
        return "this, that"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "yes or no"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (Path, "a path"),
        (Count, "a whole number at least 1"),
        (Positive | None, "a number above 0 or none"),
        (Fraction, "a number from 0 up to 1"),
        (Name, "a folder's name"),
        (Literal["a", "b", "c"], "a, b or c"),
        (Literal["all"] | Count, "all or a whole number at least 1"),
        (tuple[Count, Count], "2 whole numbers at least 1"),
        (Annotated[tuple[float, float], Interval(0, 1)], "2 numbers from 0 up to 1"),
        (tuple[str, ...] | None, "texts with commas between or none"),
        (tuple[str, Count], "text and a whole number at least 1"),
        (bool | Path, "yes or no or a path"),
        (Duration, "90 s, 10 min, 1 h 30 min"),
        (Chosen, "this, that"),
    ],
)
def test_the_words_for_an_annotation(annotation, words):
    assert allowed(annotation) == words
