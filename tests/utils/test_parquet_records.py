"""Tables in Parquet files are read wherever a CSV is."""

import sys
from pathlib import Path

import pytest

from utils.errors import ConfigError, DataError
from utils.tables import read_table


def test_without_what_reads_it_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "train.csv"  # whatever it is called
    path.write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"needs pyarrow: pip install -r requirements-parquet\.txt"):
        read_table(path, ["image"])


def written(path: Path, **columns: object) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_table_is_the_same_as_its_csv(tmp_path: Path) -> None:
    path = written(
        tmp_path / "train.parquet",
        image=["001", "마스크.jpg", "NA"],
        label=[1, None, 3],
        share=[0.5, 1.0, None],
        right=[True, False, None],
        tags=[["cat", "dog"], [], None],
    )
    table = read_table(path, ["image"])
    assert table.columns == ("image", "label", "share", "right", "tags")
    assert [list(row.values.values()) for row in table.rows] == [
        ["001", "1", "0.5", "1", "['cat', 'dog']"],
        ["마스크.jpg", "", "1.0", "0", "[]"],
        ["NA", "3", "", "", ""],
    ]
    with pytest.raises(DataError, match="there is no column 'imag'"):
        read_table(path, ["imag"])


def test_a_column_of_bytes_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", image=["a"], png=[b"\x89PNG"])
    with pytest.raises(DataError, match="its column 'png' holds binary values"):
        read_table(path, ["image"])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", image=["a"] * 100)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train\.parquet is a damaged Parquet file"):
        read_table(path, ["image"])
