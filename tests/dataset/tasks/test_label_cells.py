"""Cells with several labels, as people and programs write them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.cells import SPACE, Separator

NAMES = st.text("ab 한'\"\\,[]{}().1-", min_size=1, max_size=6).map(str.strip).filter(bool)
LISTS = st.lists(NAMES, max_size=4)


@given(LISTS, st.sampled_from([" ", ",", "|"]))
def test_lists_of_python_json_and_sets_are_their_labels(names, text):
    separator = Separator(text)
    assert separator.split(str(names)) == tuple(names)
    assert separator.split(json.dumps(names, ensure_ascii=False)) == tuple(names)
    if len(names) == 1:
        assert separator.split(str(set(names))) == tuple(names)
        assert separator.split(str(tuple(names))) == tuple(names)


@given(LISTS.filter(bool))
def test_arrays_of_numpy_are_their_labels(names):
    array = np.array(names)
    assert SPACE.split(str(array)) == tuple(names)
    assert SPACE.split(repr(np.array(names, dtype=object))) == tuple(names)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ('{cat,"red fox"}', ("cat", "red fox")),
        ("[cat, dog]", ("cat", "dog")),
        ("[3 0 12]", ("3", "0", "12")),
        ("[01, 02]", ("01", "02")),
        ("['cat',]", ("cat",)),
        ("frozenset({'a'})", ("a",)),
        ("set()", ()),
        ("[]", ()),
        ('"cat", "red fox"', ("cat", "red fox")),
        ("(unknown)", ("(unknown)",)),
        ("[other]", ("[other]",)),
        ("cat(s) dog", ("cat(s)", "dog")),
        ("'90s", ("'90s",)),
        ("tensor([1, 2])", ("1", "2")),
        ("Index(['cat', 'dog'], dtype='object')", ("cat", "dog")),
        ("dict_keys(['cat'])", ("cat",)),
        ("torch.tensor([3], device='cuda:0')", ("3",)),
        ("cat\tred\u3000dog\xa0fox\nowl", ("cat", "red", "dog", "fox", "owl")),
    ],
)
def test_a_cell_is_a_list_or_it_is_not(cell, labels):
    assert SPACE.split(cell) == labels
    assert Separator(None).split(cell) == (cell,)


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["[cat]", "[]", "[dog]"], ["cat", "dog"]),
        (["[cat]", "dog"], ["[cat]", "dog"]),
        (["'cat'", "'dog'"], ["cat", "dog"]),
        (["(cat, dog)", "(cat, )"], ["cat", "dog"]),
        (["{cat}", "", "{cat,dog}"], ["cat", "dog"]),
        (['["cat"]', "null", "NaN", "None"], ["cat"]),
        (["cat", "null"], ["cat", "null"]),
    ],
)
def test_brackets_around_every_cell_of_a_column_are_those_of_lists(cells, labels):
    separator = SPACE.of_column(cells)
    assert sorted({name for cell in cells for name in separator.split(cell)}) == labels


def test_a_separator_in_quotation_marks_is_a_part_of_the_label():
    comma = Separator(",")
    assert comma.split('"fox, red",dog') == ("fox, red", "dog")
    assert comma.split('dog, "fox, ""red"""') == ("dog", 'fox, "red"')
    assert comma.split('6" ruler,dog') == ('6" ruler', "dog")
    assert Separator("|").split('dog|"a|b"') == ("dog", "a|b")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("{'cat': 1}", "is a mapping"),
        ("[['cat'], 'dog']", "brackets inside"),
        ("['cat', None]", "has None among its labels"),
        ("['cat', 'dog", "a bracket is missing"),
        ("dog']", "a bracket is missing"),
        ("['a\\nb']", "has a line break"),
    ],
)
def test_what_is_no_list_of_labels_is_refused_with_what_to_write(cell, message):
    with pytest.raises(ValueError, match=message) as caught:
        SPACE.split(cell)
    assert "separator = none" in str(caught.value)
    assert Separator(None).split(cell) == (cell,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty: write space, comma"),
        ("x", "labels have letters and digits"),
        ("komma", "Did you mean 'comma'"),
        ('","', "separator = comma"),
        ("' '", "separator = space"),
        ("\\t", "separator = tab"),
        ("'|'", r"separator = \|"),
        ("한", "letters"),
        ("1", "digits"),
    ],
)
def test_a_separator_that_is_none_is_refused_with_what_to_write(text, message):
    with pytest.raises(ValueError, match=message):
        Separator.from_text(text)


@pytest.mark.parametrize(
    "text", ["space", "Comma", "semicolon", "tab", "pipe", "none", "|", "||", "_", "-", "; "]
)
def test_a_separator_is_written_as_it_is_read(text):
    separator = Separator.from_text(text.strip())
    assert Separator.from_text(str(separator)) == separator
