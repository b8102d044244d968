"""The names of files are what was said, and each file's facts are the file system's."""

import os

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataset.named_files import NamedFiles

NAMES = st.lists(st.sampled_from(["a.jpg", "b/a.jpg", "b/c/a.jpg", "b/가 1.png", "/x"]))


@given(NAMES, st.slices(5))
def test_names_are_as_they_were_given(names, part):
    files = NamedFiles("root", names)
    assert files == names == list(files)
    assert [files[row] for row in range(len(files))] == names
    assert files[part] == tuple(names[part])
    assert repr(files) == repr(tuple(names))


def test_facts_are_size_and_time_of_each_file_through_links_and_minus_one_where_there_is_none(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "가.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "b" / "가.jpg", ns=(1, 1_234_567_890_123_456_789))
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b" / "가.jpg")
    files = NamedFiles(tmp_path, ["b/가.jpg", "none.jpg", "link.jpg"])
    expected = [5, 1_234_567_890_123_456_789], [-1, -1], [5, 1_234_567_890_123_456_789]
    assert np.array_equal(files.facts, expected)
    assert files.path(0) == tmp_path / "b" / "가.jpg"
