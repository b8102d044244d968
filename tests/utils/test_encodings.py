"""A text in another encoding than UTF-8 is refused with the command that converts it."""

import bz2
import lzma
import pickle
import shutil
import subprocess

import pytest

from utils.csv_records import read_text
from utils.encodings import likely_encoding, not_utf8
from utils.errors import ConfigError, DataError
from utils.ini import read_ini
from utils.tables import read_table

ENCODED = [
    ("이름,나이\n김철수,20\n", "cp949", "CP949"),
    ("제출 파일, a long English header beside it\n", "cp949", "CP949"),
    ("이름,나이\n", "utf-16", "UTF-16"),
    ("이름,나이\n", "utf-32", "UTF-32"),
    ("id,age\n1,20\n", "utf-16-le", "UTF-16LE"),
    ("id,age\n1,20\n", "utf-16-be", "UTF-16BE"),
    ("なまえ,ねんれい\nたろう,カタカナ\n", "cp932", "CP932"),
    ("姓名,年龄\n王伟,二十\n", "gb18030", "GB18030"),
    ("prénom,âge\nRené,20\n", "cp1252", "CP1252"),
]


@pytest.mark.parametrize(("text", "codec", "name"), ENCODED)
def test_the_encoding_of_a_text_is_named(text, codec, name):
    assert likely_encoding(text.encode(codec)) == name


@pytest.mark.skipif(shutil.which("iconv") is None, reason="there is no iconv here")
@pytest.mark.parametrize(("text", "codec", "name"), ENCODED)
def test_the_command_that_is_named_converts_it(text, codec, name, tmp_path):
    path = tmp_path / "a table.csv"
    path.write_bytes(text.encode(codec))
    command = not_utf8(path).partition(", or: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert (tmp_path / "a table_utf8.csv").read_text(encoding="utf-8-sig") == text


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (bz2.compress(b"image,label\n"), "packed by bzip2"),
        (lzma.compress(b"image,label\n"), "packed by xz"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "a file of old Excel"),
        (
            pickle.dumps({"image": ["0.png", "1.png"], "label": [1.5, 2.5]}),
            "it holds characters that no text",
        ),
        (b"SQLite format 3\0" + bytes(100), "a database of SQLite"),
        (b"id,label\n1,\xff\x01\n", "it holds characters that no text"),
    ],
)
def test_what_is_no_text_at_all_is_called_that_and_no_encoding_is_guessed(data, what, tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_table(path, ["label"])
    assert "is not text" in str(caught.value)
    assert what in str(caught.value)
    assert "iconv" not in str(caught.value)


def test_a_nul_in_a_config_is_no_matter_of_its_encoding(tmp_path):
    path = tmp_path / "config.ini"
    path.write_bytes(b"[run]\nname = a\0b\n")
    with pytest.raises(ConfigError, match="is not text: it holds characters that no text has"):
        read_ini(path)


@pytest.mark.parametrize(
    ("codec", "name"), [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16LE"), ("cp949", "CP949")]
)
def test_a_config_and_a_table_name_it(codec, name, tmp_path):
    path = tmp_path / "config.ini"
    path.write_bytes(("[run]\nname = x" + ("  # 이름" if codec != "utf-16-le" else "")).encode(codec))
    for read, error in ((read_ini, ConfigError), (read_text, DataError)):
        with pytest.raises(
            error, match=rf"is not UTF-8 text: it looks like {name}\. Save it as UTF-8, or: iconv"
        ):
            read(path)
