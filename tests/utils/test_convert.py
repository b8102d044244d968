"""Text from a config becomes a value of the annotated type, or a message that says what would fit."""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.age_ranges import AgeRanges
from utils.convert import LARGEST, Count, CountOrZero, Fraction, Interval, NonNegative, Positive, convert

KINDS = [
    str,
    int,
    float,
    bool,
    Path,
    Literal["error", "skip"],
    Fraction,
    Count,
    tuple[int, int],
    tuple[Count, ...],
    Positive | None,
    bool | Path,
    tuple[Fraction, Fraction] | None,
    AgeRanges,
]


@pytest.mark.parametrize("text", ["true", "True", "YES", "on", "1"])
def test_every_way_to_say_yes_is_true(text):
    assert convert(text, bool) is True


@pytest.mark.parametrize("text", ["false", "False", "NO", "off", "0"])
def test_every_way_to_say_no_is_false(text):
    # defect 11 of a published pipeline: argparse's type=bool took 'False' for True
    assert convert(text, bool) is False


@pytest.mark.parametrize("text", ["", "2", "ja", "truee", "none"])
def test_a_boolean_that_is_neither_is_refused(text):
    with pytest.raises(ValueError, match="yes or no"):
        convert(text, bool)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" 7 ", int, 7),
        ("-3", int, -3),
        ("1e-3", float, 0.001),
        ("a, b", str, "a, b"),
        ("data/demo", Path, Path("data/demo")),
        ("128, 96", tuple[Count, Count], (128, 96)),
        ("", tuple[int, ...], ()),
        ("1,2, 3", tuple[int, ...], (1, 2, 3)),
        ("none", Positive | None, None),
        ("", Positive | None, None),
        ("None", tuple[int, int] | None, None),
        ("0.5", Positive | None, 0.5),
        ("yes", bool | Path, True),
        ("weights.pt", bool | Path, Path("weights.pt")),
        ("SKIP", Literal["error", "skip"], "skip"),
        ("0", CountOrZero, 0),
        ("57-59", AgeRanges, AgeRanges(((57, 59),))),
    ],
)
def test_text_becomes_a_value_of_its_type(text, kind, value):
    found = convert(text, kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("1.5", int, "whole number"),
        ("many", float, "not a number"),
        ("nan", float, "finite"),
        ("inf", NonNegative, "finite"),
        ("", str, "empty"),
        ("  ", Path, "empty"),
        ("1", tuple[int, int], "2 values with a comma"),
        ("1, 2, 3", tuple[int, int], "2 values with a comma"),
        ("1, 0", tuple[Count, Count], "0 is not at least 1"),
        ("skipp", Literal["error", "skip"], "'error', 'skip'"),
        ("1.1", Fraction, "from 0 up to 1"),
        ("-0.1", NonNegative, "at least 0"),
        ("0", Positive, "above 0"),
        ("0", Positive | None, "above 0, nor none"),
        ("x", int | float, "whole number, nor a number"),
        ("maybe", bool | Literal["auto"], "is not yes or no .* work too.*, nor 'auto'"),
        ("", int | str, "is not a whole number, and is empty"),
        ("5", Annotated[tuple[int, ...], Interval(6)], "at least 6"),
    ],
)
def test_text_that_does_not_fit_is_refused_with_what_would(text, kind, message):
    with pytest.raises(ValueError, match=message):
        convert(text, kind)


def test_an_interval_can_leave_out_its_lower_end_only():
    Interval(0, 1).check(0)
    Interval(0, 1, above=True).check(1)
    with pytest.raises(ValueError, match="above 0 up to 1"):
        Interval(0, 1, above=True).check(0)


def test_an_option_of_an_unknown_type_is_our_bug_and_not_a_users_mistake():
    with pytest.raises(TypeError, match="can't be of type"):
        convert("x", dict)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(text=st.one_of(st.text(max_size=12), st.from_regex(r"-?[0-9., -]{0,8}", fullmatch=True)))
def test_any_text_gives_a_value_or_a_value_error(kind, text):
    try:
        value = convert(text, kind)
    except ValueError:
        return
    assert kind is not bool or isinstance(value, bool)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_being_written(number):
    assert convert(str(number), float) == number


@given(st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=5))
def test_every_tuple_of_integers_survives_being_written(numbers):
    assert convert(", ".join(map(str, numbers)), tuple[int, ...]) == tuple(numbers)


@pytest.mark.parametrize("text", [str(2**63), "-9" * 10, "9" * 400, "1" + "0" * 5000])
@pytest.mark.parametrize("kind", [int, Count, CountOrZero, int | None, tuple[int, ...]])
def test_a_whole_number_that_64_bits_do_not_hold_is_refused_with_the_largest_that_they_do(text, kind):
    with pytest.raises(ValueError, match=r"9223372036854775807|not a whole number") as caught:
        convert(text, kind)
    assert len(str(caught.value)) < 200


def test_a_text_is_composed_and_a_path_stays_as_it_is_spelt():
    decomposed = unicodedata.normalize("NFD", "라벨")
    assert convert(decomposed, str) == "라벨"
    assert convert(decomposed, str | None) == "라벨"
    assert convert(decomposed, tuple[str, ...]) == ("라벨",)
    assert str(convert(decomposed, Path)) == decomposed


@pytest.mark.parametrize(
    ("text", "kind", "bare"),
    [
        ('"weights/a b.pth"', bool | Path, "weights/a b.pth"),
        ("'data'", Path, "data"),
        ('"5"', int, "5"),
        ("'yes'", bool, "yes"),
        ('"1e-3"', Positive, "1e-3"),
        ('"32, 24"', tuple[int, int], "32, 24"),
        ('"auto"', Literal["auto", "cpu"], "auto"),
    ],
)
def test_a_value_in_quotes_is_refused_with_the_same_value_without_them(text, kind, bare):
    with pytest.raises(ValueError, match=rf"; write it without the quotes: {re.escape(bare)}$"):
        convert(text, kind)


def test_a_text_may_have_quotes_since_a_column_can_be_called_so():
    assert convert('"x"', str) == '"x"'
