"""The names of files are what was said, and each file's facts are the file system's."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.files.named_files import NamedFiles

NAMES = st.lists(st.sampled_from(["a.jpg", "b/a.jpg", "b/c/a.jpg", "b/가 1.png", "/x"]))


@given(NAMES, st.slices(5))
def test_names_are_as_they_were_given(names, part):
    files = NamedFiles("root", names)
    assert files == names == list(files)
    assert [files[row] for row in range(len(files))] == names
    assert files[part] == tuple(names[part])
    assert repr(files) == repr(tuple(names))


def test_a_size_is_that_of_the_file_through_links_and_minus_one_where_there_is_none(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "가.jpg").write_bytes(b"12345")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b" / "가.jpg")
    files = NamedFiles(tmp_path, ["b/가.jpg", "none.jpg", "link.jpg"])
    assert files.sizes == [5, -1, 5]
    assert files.path(0) == tmp_path / "b" / "가.jpg"


@pytest.mark.parametrize("change", ["size", "time", "name", "order", "missing"])
def test_the_digest_changes_with_whatever_changes(tmp_path, change):
    names = ["a.jpg", "b.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(b"1")
        os.utime(tmp_path / name, ns=(1, 1_234_567_890_123_456_789))
    before = NamedFiles(tmp_path, names).digest
    assert NamedFiles(tmp_path, names).digest == before
    path = tmp_path / "a.jpg"
    if change == "size":
        path.write_bytes(b"12")
        os.utime(path, ns=(1, 1_234_567_890_123_456_789))
    elif change == "time":
        os.utime(path, ns=(1, 1_234_567_890_123_456_790))
    elif change == "name":
        names = [str(path.rename(tmp_path / "c.jpg").name), "b.jpg"]
    elif change == "order":
        names = names[::-1]
    else:
        path.unlink()
    assert NamedFiles(tmp_path, names).digest != before
