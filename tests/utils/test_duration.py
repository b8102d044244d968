"""Lengths of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.duration import Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("10 min", 600), ("10min", 600), ("2 h", 7200), ("1 h 30 min", 5400), ("1.5 h", 5400)],
)
def test_each_unit_counts(text: str, seconds: float) -> None:
    assert Duration.from_text(text).seconds == seconds


@given(st.integers(1, 10**6))
def test_a_duration_reads_back_from_its_text(seconds: int) -> None:
    assert Duration.from_text(str(Duration(seconds))).seconds == seconds


@pytest.mark.parametrize("text", ["10", "ten min", "10 minutes", "-1 min", "1 min -", "", "10 m"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90 s, 10 min"):
        Duration.from_text(text)


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no time at all"):
        Duration.from_text("0 min")
