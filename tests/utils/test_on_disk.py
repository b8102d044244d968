"""A path is found however its letters are composed on disk."""

import unicodedata
from pathlib import Path

import pytest

from utils.on_disk import on_disk


@pytest.mark.parametrize(("written", "spelt"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_path_is_spelt_as_it_is_on_disk(tmp_path, written, spelt):
    there = tmp_path / unicodedata.normalize(spelt, "데이터/사진 é/1.png")
    there.parent.mkdir(parents=True)
    there.touch()
    assert on_disk(tmp_path / unicodedata.normalize(written, "데이터/사진 é/1.png")) == there


def test_a_path_that_is_not_there_stays_as_it_is(tmp_path):
    for name in ("없음/a.png", "없음", "é" * 300, "가\0", "가/" * 2000):
        assert on_disk(tmp_path / name) == tmp_path / name
    assert on_disk(Path("a.png")) == Path("a.png")
