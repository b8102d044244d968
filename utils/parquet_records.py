"""The rows of a Parquet file as those of a CSV: every value is text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import ConfigError, DataError

_MAGIC = b"PAR1"
_ROWS_AT_ONCE = 1000


def is_parquet(path: Path) -> bool:
    """Return whether a file is one by how it begins, whatever it is called; one that is not there is none."""
    try:
        if path.is_fifo():  # which would be waited for
            return False
        with open(path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def parquet_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the columns' names and then the cells of each row, with a number as if each had a line.

    Nothing is an empty cell, true and false are 1 and 0, whole numbers have no point, and a list is written
    as Python writes it. An index that pandas added is left out.

    Raises:
        ConfigError: what reads Parquet is not installed.
        DataError: the file is damaged, or a column holds bytes or records.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ConfigError(
            f"{path} is a Parquet file, which needs pyarrow: pip install -r requirements-parquet.txt, or "
            "save the table as CSV"
        ) from None

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = [name for name in schema.names if not name.startswith("__index_level_")]
            _check(path, {name: str(schema.field(name).type) for name in names})
            yield 1, names

            line = 1
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names):
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    line += 1
                    yield line, list(map(_text, values))
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}") from None


def _check(path: Path, types: dict[str, str]) -> None:
    for name, kind in types.items():
        if kind.startswith(("binary", "large_binary", "fixed_size_binary", "struct", "map")):
            raise DataError(
                f"{path}: its column {name!r} holds {kind.partition('<')[0]} values, and no text or numbers. "
                "Save images as files, and the table without that column."
            )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)
