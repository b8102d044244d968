"""Long lists are cut where nobody reads on, and say where all of it stands."""

import pytest

from utils.shortened import MOST, brief, ends, listing


@pytest.mark.parametrize("count", [0, 1, MOST])
def test_a_list_that_is_short_enough_is_whole(count):
    names = [f"n{i}" for i in range(count)]
    assert listing(names, "file.csv") == ", ".join(names)
    assert ends(names) == (names, [])


@pytest.mark.parametrize("count", [MOST + 1, 5000])
def test_a_long_list_has_its_beginning_and_says_how_many_more_there_are_and_where(count):
    names = [f"n{i}" for i in range(count)]
    whole = listing(names, "file.csv")
    assert whole.startswith("n0, n1, ")
    assert whole.endswith(f"n{MOST - 1}, ... and {count - MOST} more, all in file.csv")
    assert listing(names).endswith(f"... and {count - MOST} more")
    first, last = ends(names)
    assert (first[0], last[-1], len(first) + len(last)) == ("n0", f"n{count - 1}", MOST)


def test_two_long_texts_are_shown_from_where_they_differ_on():
    before = ", ".join(f"label_{i}" for i in range(500))
    after = before.replace("label_300,", "label_x,")
    one, other = brief(before, after)
    assert len(one) < 220
    assert "label_300" in one
    assert "label_x" in other
    assert one.startswith("... ")
    assert one.endswith(" ...")
    assert brief("a", "b") == ("a", "b")
    assert brief(None, 3) == ("None", "3")
