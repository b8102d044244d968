"""What a class says of its arguments: in its docstring, its ``__init__``'s, or comments on its fields."""

from dataclasses import dataclass

import pytest

from utils.docstrings import meanings, told, told_in_a_line


class Plain:
    """Do a thing.

    More of it, as in ``code``: with a colon.

    Args:
        one: the first,
            on two lines: with a colon.
        two, three: both of them.

    Attributes:
        four: what it has.

    Raises:
        ValueError: never.
    """


class Documented(Plain):
    """Do another thing."""

    def __init__(self, *, one: int, five: int) -> None:
        """Make it.

        Args:
            one: another one.
            five: the fifth.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Some fields.

    Args:
        third: told above.
    """

    first: int = 1  # how many; a # in it
    second: bool = (
        True  # over several lines
    )  # fmt: skip
    third: int = 3
    fourth: int = 4
    # two lines
    # above it
    sixth: int = 6


@dataclass(frozen=True)
class More(Fields):
    """One field more."""

    fifth: str = "# no comment"  # the fifth


def test_the_args_of_a_docstring_are_found_with_several_lines_and_several_names():
    assert meanings(Plain) == {
        "one": "the first, on two lines: with a colon.",
        "two": "both of them.",
        "three": "both of them.",
        "four": "what it has.",
    }


def test_an_inherited_meaning_counts_where_the_class_has_none_of_its_own():
    assert meanings(Documented)["one"] == "another one."
    assert meanings(Documented)["five"] == "the fifth."
    assert meanings(Documented)["two"] == "both of them."


def test_a_field_is_told_of_by_the_comment_on_its_line():
    assert meanings(Fields) == {
        "first": "how many; a # in it",
        "second": "over several lines",
        "third": "told above.",
        "sixth": "two lines above it",
    }
    assert meanings(More) == meanings(Fields) | {"fifth": "the fifth"}


@pytest.mark.parametrize("cls", [int, dict, type("Made", (), {}), type("Made", (Plain,), {"__doc__": None})])
def test_a_class_without_source_or_docstring_says_nothing_of_its_own(cls):
    assert set(meanings(cls)) <= set(meanings(Plain))


def test_a_docstring_is_shown_without_the_marks_of_the_source():
    assert told_in_a_line(Plain) == "Do a thing."
    assert "as in code: with" in told(Plain)
    assert told_in_a_line(type("Made", (), {})) == ""
