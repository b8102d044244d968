import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.faults.kinds import Fail
from tests.faults.storage import Storage
from train.checkpoint import save


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """Counts what happens below ``tmp_path``."""
    storage = Storage(tmp_path)
    storage.install()
    yield storage
    storage.remove()


def kinds(storage: Storage) -> list[str]:
    return [f"{call.kind} {call.path}" for call in storage.calls]


def test_every_way_to_change_a_file_is_counted(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("one", encoding="utf-8")
    with open(tmp_path / "a" / "x", "rb+") as file:
        os.fsync(file.fileno())
    (tmp_path / "a" / "x").chmod(0o600)
    (tmp_path / "a" / "x").replace(tmp_path / "y")
    handle = os.open(tmp_path / "y", os.O_RDWR)
    os.truncate(handle, 10)
    os.pwrite(handle, b"two", 4)
    os.close(handle)
    (tmp_path / "y").unlink()
    assert kinds(storage) == [
        "mkdir a", "create a/x", "write a/x", "open a/x", "fsync a/x", "chmod a/x", "rename a/x",
        "open y", "truncate y", "write y", "unlink y",
    ]  # fmt: skip


def test_a_file_without_a_name_is_opened_in_its_folder_and_leaves_nothing(
    storage: Storage, tmp_path: Path
) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b"one")
        file.flush()
    assert not list(tmp_path.iterdir())
    assert "write ." not in kinds(storage)


def test_what_is_written_is_kept_with_its_place(storage: Storage, tmp_path: Path) -> None:
    with open(tmp_path / "log", "a", encoding="utf-8") as file:
        file.write("one\n")
        file.flush()
        file.write("two\n")
    writes = [(call.offset, call.data) for call in storage.calls if call.kind == "write"]
    assert writes == [(0, b"one\n"), (4, b"two\n")]
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_whole_folder_that_goes_is_counted_file_by_file(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").touch()
    storage.calls.clear()
    shutil.rmtree(tmp_path / "a")
    assert kinds(storage) == ["unlink a/b/x", "rmdir a/b", "rmdir a"]


def test_reading_and_what_is_elsewhere_are_not_counted(storage: Storage, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        (Path(elsewhere) / "x").write_bytes(b"x")
        assert (Path(elsewhere) / "x").read_bytes() == b"x"
    handle = os.open(tmp_path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    assert kinds(storage) == ["fsync ."]


def test_a_checkpoint_is_written_in_calls_that_are_all_counted(storage: Storage, tmp_path: Path) -> None:
    tensors = {"w": torch.arange(6.0).view(2, 3), "n": torch.tensor(3)}
    save(tmp_path / "checkpoints", "best", 1, tensors)
    written = storage.calls.copy()
    storage.remove()
    named = [Path(call.target).name for call in written if call.kind == "rename"]
    assert named == ["best-0000001.safetensors", "best-0000001.json"]
    for name in named:
        pieces = [call.data for call in written if call.kind == "write" and f".{name}." in call.path]
        assert b"".join(pieces) == (tmp_path / "checkpoints" / name).read_bytes()


def test_a_call_fails_as_the_system_lets_it_fail(tmp_path: Path) -> None:
    storage = Storage(tmp_path, Fail(2, "EIO"))
    storage.install()
    try:
        with pytest.raises(OSError, match="Input/output error") as caught:
            (tmp_path / "x").write_bytes(b"data")
    finally:
        storage.remove()
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, None)
    assert [call.done for call in storage.calls] == [True, False]


def test_half_a_write_is_half_of_it(tmp_path: Path) -> None:
    storage = Storage(tmp_path, Fail(2, "short"))
    storage.install()
    try:
        with pytest.raises(OSError, match="No space left"), open(tmp_path / "x", "wb", buffering=0) as file:
            file.write(b"12345678")
    finally:
        storage.remove()
    assert (tmp_path / "x").read_bytes() == b"1234"


def test_a_full_disk_refuses_all_that_needs_space_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    storage = Storage(tmp_path, Fail(1, "full"))
    storage.install()
    try:
        for fails in (lambda: (tmp_path / "x").touch(), lambda: (tmp_path / "a").mkdir()):
            with pytest.raises(OSError, match="No space left"):
                fails()
        (tmp_path / "old").unlink()
    finally:
        storage.remove()
    assert list(tmp_path.iterdir()) == []
