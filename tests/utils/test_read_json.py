"""Our own JSON files: whole and as they were written, or refused by name."""

import json

import pytest

from utils.durable import write_json
from utils.errors import DataError
from utils.read_json import read_json

VALUES = {"scores": {"macro_f1": 0.1234567890123456}, "2": [1, None, "가"], "tuning": {"x": {"1": 0.5}}}


def test_what_was_written_is_read(tmp_path):
    write_json(tmp_path / "a.json", VALUES | {3: (1, 2)})
    assert read_json(tmp_path / "a.json") == VALUES | {"3": [1, 2]}


def test_bytes_of_a_folders_name_that_are_no_text_are_kept(tmp_path):
    write_json(tmp_path / "a.json", {"cwd": "/data/\udcff/가"})
    assert read_json(tmp_path / "a.json") == {"cwd": "/data/\udcff/가"}


def test_a_file_from_before_there_were_digests_is_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(VALUES), encoding="utf-8")
    assert read_json(tmp_path / "a.json") == VALUES


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '"a"', "{", "[" * 99999, '{"digest": "0"}', "\0"])
def test_anything_else_is_refused_with_its_path_and_the_advice(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"{tmp_path / 'a.json'} is damaged.* Do that\."):
        read_json(tmp_path / "a.json", "Do that.")


def test_what_is_no_file_or_no_text_is_refused_with_its_path(tmp_path):
    with pytest.raises(DataError, match=r"no file .*a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").mkdir()
    with pytest.raises(DataError, match=r"b\.json can't be read: Is a directory"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match=r"c\.json is damaged"):
        read_json(tmp_path / "c.json")


def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, VALUES)
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert read_json(path) == VALUES
        except DataError:
            refused += 1
    assert refused > len(whole) / 2
