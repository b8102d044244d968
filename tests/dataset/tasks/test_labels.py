"""Names of labels that come from the data, and how a config keeps them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.cells import Separator
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.labels import LabelNames, in_order, index_by_label, indices, labels_fact, resolve
from dataset.tasks.multi_label import MultiLabelTask
from utils.errors import DataError
from utils.ini import format_ini, read_ini

NAMES = st.text("abcé한 ,\"'#;.-_|%=:[]0123456789", min_size=1, max_size=8).map(str.strip).filter(bool)


def nothing_found():
    raise AssertionError("the data must not be asked")


@given(st.lists(NAMES, min_size=2, max_size=5, unique=True))
def test_names_survive_a_config_or_are_refused(tmp_path_factory, names):
    try:
        resolve(LabelNames(tuple(names)), tmp_path_factory.getbasetemp(), nothing_found)
    except DataError:
        assert any(" #" in name or " ;" in name for name in names)
        return
    path = tmp_path_factory.getbasetemp() / "labels.ini"
    path.write_text(format_ini({"task": {"labels": str(LabelNames(tuple(names)))}}), encoding="utf-8")
    assert LabelNames.from_text(read_ini(path)["task"].values["labels"].text).names == tuple(names)


def test_names_come_from_the_config_or_its_file_or_else_from_the_data(tmp_path):
    (tmp_path / "names.txt").write_bytes("\ufeffcat\r\n\r\n 개 \r\nNA\r\n".encode())
    assert resolve(LabelNames.from_text("b, a"), tmp_path, nothing_found).names == ("b", "a")
    assert resolve(LabelNames.from_text("names.txt"), tmp_path, nothing_found).names == ("cat", "개", "NA")
    assert resolve(None, tmp_path, lambda: ("x", "y")).names == ("x", "y")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a, b, a", ValueError, "a stands there twice"),
        ("gone.txt", DataError, "gone.txt can't be read"),
        ("", DataError, "There is no label"),
        ("a, b #1", DataError, "'b #1'"),
    ],
)
def test_names_that_can_not_be_used_are_refused(tmp_path, text, error, message):
    labels = LabelNames.from_text(text) if text else LabelNames()
    with pytest.raises(error, match=message):
        resolve(labels, tmp_path, nothing_found)


def test_names_may_be_written_as_a_list():
    assert LabelNames.from_text("['cat', 'red fox']").names == ("cat", "red fox")
    assert LabelNames.from_text('["a"]').names == ("a",)
    assert LabelNames.from_text("[cat], (dog)").names == ("[cat]", "(dog)")


def test_numbers_too_long_to_be_read_are_sorted_as_text():
    long = "9" * 5000
    assert in_order(["10", long, "9"]) == ("10", "9", long)


def test_an_empty_name_between_commas_is_refused():
    with pytest.raises(ValueError, match="empty name"):
        LabelNames.from_text("a,,b")


def test_numbers_are_sorted_as_numbers_and_other_names_as_text():
    assert in_order(["10", "9", "10", "0"]) == ("0", "9", "10")
    assert in_order(["b", "10", "9"]) == ("10", "9", "b")


def test_an_unknown_label_is_named_with_the_nearest_one():
    facts = labels_fact(["dog", "kat"])
    with pytest.raises(ValueError, match=r"'kat' is not one of cat, dog\. Did you mean 'cat'\?"):
        indices(facts, index_by_label(("cat", "dog")))
    assert indices(labels_fact(["dog", "cat", "dog"]), index_by_label(("cat", "dog"))) == (0, 1)
    assert indices(labels_fact([]), index_by_label(("cat", "dog"))) == ()
    with pytest.raises(ValueError, match="label_column"):
        indices({"image": "1.png"}, index_by_label(("cat", "dog")))


@pytest.mark.parametrize(
    ("text", "cell", "labels"),
    [
        ("space", " a  b ", ("a", "b")),
        ("comma", "a b,c", ("a b", "c")),
        ("|", "a|b", ("a", "b")),
        ("none", "golden retriever", ("golden retriever",)),
        ("space", "", ()),
        ("none", "", ()),
    ],
)
def test_a_cell_is_divided_into_labels(text, cell, labels):
    separator = Separator.from_text(text)
    assert separator.split(cell) == labels
    assert Separator.from_text(str(separator)) == separator


class Counted(str):
    """A label that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def __hash__(self):
        Counted.looks += 1
        return super().__hash__()


@pytest.mark.parametrize("kind", [ClassificationTask, MultiLabelTask])
def test_reading_a_row_costs_the_same_however_many_classes_there_are(kind, tmp_path):
    labels = tuple(Counted(f"class_{i}") for i in range(300))
    task = kind(root=tmp_path, labels_found=lambda: labels)
    before = Counted.looks
    assert [task.encode(labels_fact([f"class_{i}"])) for i in (7, 299)] == [
        {next(iter(task.heads)): (7,)},
        {next(iter(task.heads)): (299,)},
    ]
    assert Counted.looks == before
