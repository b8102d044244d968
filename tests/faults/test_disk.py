"""The model of a disk finds writers that a power cut would tear, and only these."""

from collections.abc import Callable
from pathlib import Path

from tests.faults import disk
from tests.faults.storage import Storage
from utils.durable import write_text


def states_of(write: Callable[[Path], object], root: Path, model: str) -> list[dict[str, bytes | None]]:
    """Return what is on a disk before a writer, and after each of its calls."""
    (root / "x").write_bytes(b"old")
    state, storage = disk.Disk(root), Storage(root)
    storage.install()
    try:
        write(root / "x")
    finally:
        storage.remove()
    states = [state.after_a_cut(model)]
    for call in storage.calls:
        state.apply(call)
        states.append(state.after_a_cut(model))
    assert {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} == {
        name: bytes(entry.now) for name, entry in state.root.now.items() if isinstance(entry, disk.File)
    }
    return states


def contents(write: Callable[[Path], object], root: Path) -> dict[str, set[bytes | None]]:
    """Return what the file x may hold, by the model of the disk."""
    found = {}
    for model in disk.MODELS:
        (root / model).mkdir()
        found[model] = {state.get("x") for state in states_of(write, root / model, model)}
    return found


def test_the_durable_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    found = contents(lambda path: write_text(path, "new"), tmp_path)
    assert found == {model: {b"old", b"new"} for model in disk.MODELS}


def test_a_writer_in_place_is_found_torn(tmp_path: Path) -> None:
    found = contents(lambda path: path.write_bytes(b"newer"), tmp_path)
    assert found["zeros"] == {b"old", b"old\0\0", b""}
    assert b"newer" not in found["names"]


def test_a_rename_without_a_sync_is_found_torn(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.with_name("y").write_bytes(b"new")
        path.with_name("y").replace(path)

    found = contents(write, tmp_path)
    assert found["names"] == {b"old", b""}
    assert found["zeros"] == {b"old", b"\0\0\0"}
    assert found["synced"] == {b"old"}


def test_names_stay_when_their_folder_was_synced(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        (path.parent / "a").mkdir()
        path.rename(path.parent / "a" / "z")

    assert all("x" in state and "a" not in state for state in states_of(write, tmp_path, "synced"))


def test_equal_states_have_equal_digests() -> None:
    one, other = {"a": b"1", "b": None}, {"b": None, "a": b"1"}
    assert disk.digest(one) == disk.digest(other)
    assert len({disk.digest(one), disk.digest({"a": b"1"}), disk.digest({"a": b"2", "b": None})}) == 3
