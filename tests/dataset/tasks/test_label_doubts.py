"""What is odd about the labels of a table is said, with the line to write, and nothing about good ones."""

import pytest

from dataset.tasks.cells import Separator
from dataset.tasks.label_doubts import label_doubts


def doubts(cells, text=" ", **others):
    return label_doubts(cells, Separator(text), "tags", others)


@pytest.mark.parametrize(
    ("cells", "text", "mark"),
    [
        (["cat|dog", "dog", "cat"], " ", "|"),
        (["cat,dog", "dog", "cat"], " ", "comma"),
        (["cat, dog", "dog", "bird"], " ", "comma"),
        (["cat ; dog", "dog", "cat"], " ", "semicolon"),
        (["cat dog", "dog", "cat"], ",", "space"),
        (["cat/dog", "dog", "cat"], None, "/"),
        (["a|b", "b|c", "a|c"], " ", "|"),
        (["cat\tdog", "dog", "cat"], ",", "tab"),
        (["cat|dog", "dog"], " ", "|"),
        (["fire truck,dog", "dog"], " ", "comma"),
        (["고양이\uff0c개", "개"], " ", "\uff0c"),
        (["고양이、개", "개"], None, "、"),
        (["개,고양이", "고양이", "개"], " ", "comma"),
    ],
)
def test_a_separator_that_would_divide_labels_into_others_is_named(cells, text, mark):
    (line,) = doubts(cells * 4, text)
    assert f"write separator = {mark} in [dataset]" in line


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["cat dog", "dog", "cat"], " "),
        (["red fox", "grey fox", "red panda"], "|"),
        (["male-young", "male-old", "female-young", "female-old"], " "),
        (["a/b", "c/d"], " "),
        (["3", "5", "", "5"], " "),
        (["['cat', 'dog']", "['dog']", "[]"], " "),
    ],
)
def test_nothing_is_said_of_labels_as_they_should_be(cells, text):
    assert doubts(cells * 4, text) == []


@pytest.mark.parametrize(
    "cells", [["[1. 0. 1.]", "[0. 1. 0.]"], ["[0, 1]", "[1, 0]"], ["101", "010"], ["0 1", "1 1"]]
)
def test_rows_of_zeros_and_ones_are_no_names_of_labels(cells):
    (line,) = [line for line in doubts(cells * 4) if "rows of 0 and 1" in line]
    assert "label_columns = others" in line
    assert cells[0] in line


@pytest.mark.parametrize("cells", [["0", "1"], ["0 1", "1"], ["10 11", "11 12"], ["101", "98"]])
def test_numbers_as_labels_are_no_rows_of_zeros_and_ones(cells):
    assert not any("rows of 0 and 1" in line for line in doubts(cells * 4))


def test_nearly_as_many_labels_as_images_are_said_with_the_column_that_looks_like_classes():
    cells = [f"name{i}" for i in range(20)]
    (line,) = doubts(cells, breed=["a", "b"] * 10, site=[*"abcdefgh"] * 2 + ["a"] * 4)
    assert "20 labels for 20 images in column 'tags'" in line
    assert "write label_column = breed in [dataset]" in line
    assert "THE COLUMN OF CLASSES" in doubts(cells)[0]


@pytest.mark.parametrize("cells", [["1", "1.0", "2"], ["01", "1", "2"], ["2.50", "2.5", "3"]])
def test_labels_that_are_the_same_number_look_alike(cells):
    (line,) = doubts(cells * 4)
    first, second = sorted(cells[:2])
    assert line.startswith(f"The labels {first!r} and {second!r} look alike")


@pytest.mark.parametrize("word", ["NaN", "nan", "null", "#N/A"])
def test_a_word_for_no_label_is_named(word):
    (line,) = doubts(["cat", "dog", word] * 4)
    assert line.startswith(f"{word!r} is a label of its own. If no label is known there, empty these cells")


@pytest.mark.parametrize(
    "cells", [["NA", "EU"], ["None", "mild"], ["1", "10", "2.5"], ["123456781", "123456782"]]
)
def test_words_and_numbers_that_may_be_labels_are_left_alone(cells):
    assert doubts(cells * 4) == []


def test_labels_that_look_alike_are_named():
    wide = "\N{FULLWIDTH LATIN SMALL LETTER D}og"
    assert "'Cat' and 'cat' look alike" in doubts(["Cat", "cat", "dog"] * 4)[0]
    assert f"'dog' and {wide!r}" in doubts(["dog", wide, "cat"] * 4)[0]
