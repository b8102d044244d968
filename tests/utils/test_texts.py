"""Texts behave as a tuple of the same texts, in little memory."""

import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.texts import Texts, comparable, spelling_like

DECOMPOSED = unicodedata.normalize("NFD", "개")
SOME = st.lists(st.one_of(st.text(max_size=5), st.sampled_from(["가.jpg", "a/b", "", "\udcff"])))


@given(SOME, st.slices(6))
def test_texts_are_what_a_tuple_of_them_is(texts, part):
    found = Texts(texts)
    assert found == texts == list(found)
    assert len(found) == len(texts)
    assert [found[row] for row in range(len(texts))] == texts
    assert found[part] == tuple(texts[part])
    assert repr(found) == repr(tuple(texts))
    assert found != [*texts, "x"]


@given(SOME)
def test_equal_texts_have_equal_numbers(texts):
    numbers = Texts(texts).numbers.tolist()
    assert len(set(zip(texts, numbers, strict=True))) == len(set(texts)) == len(set(numbers))


def test_a_text_takes_as_much_as_its_letters_and_a_few_bytes():
    texts = Texts([f"{number:08d}" for number in range(10_000)] * 2)
    arrays = texts.numbers.nbytes + texts._ends.nbytes + sys.getsizeof(texts._bytes)
    assert arrays < 20_000 * 2 + 10_000 * (8 + 4) + 100
    assert not any(isinstance(value, list | tuple | dict) for value in vars(texts).values())
    assert texts.numbers.dtype == np.uint16


@given(st.text(max_size=8))
def test_texts_that_look_equal_are_compared_as_equal(text):
    whole = comparable(text)
    assert comparable(unicodedata.normalize("NFD", text)) == whole
    assert comparable(f" \u00a0\u200b{text}\ufeff\t ") == whole
    assert comparable(whole) == whole


@pytest.mark.parametrize(
    ("like", "spelt"),
    [
        ([], {}),
        (["0", ""], {}),
        (["개"], {"개": "개", "고양이": "고양이"}),
        ([DECOMPOSED], {"개": DECOMPOSED, "고양이": unicodedata.normalize("NFD", "고양이")}),
        (["개", DECOMPOSED], {}),
        ([unicodedata.normalize("NFD", "새")], {}),
    ],
)
def test_other_texts_are_spelt_as_somebody_spells_some_of_them(like, spelt):
    assert spelling_like(["개", "고양이"], like) == spelt
    assert spelling_like(["cat"], ["cat"]) == {"cat": "cat"}
