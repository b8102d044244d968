"""A model of a disk: what is on it when the power goes, by the calls that were made until then.

Files are apart from their names, as on a real disk: ``fsync`` of a file keeps its bytes, of a folder its
names.
Three disks are tried, from kind to cruel, each allowed by POSIX:

* ``names``: all names are there, of the bytes only those that were synced;
* ``zeros``: as long as they were, with zeros for the bytes that were not synced;
* ``synced``: only names whose folder was synced since, and bytes that were synced.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.storage import Call

MODELS = ("names", "zeros", "synced")


@dataclass
class File:
    """Bytes without a name."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass
class Folder:
    """Names, each of a file or a folder."""

    now: dict[str, "File | Folder"] = field(default_factory=dict)
    synced: dict[str, "File | Folder"] = field(default_factory=dict)


class Disk:
    """A folder as it is after calls, and as it would be after a power cut."""

    def __init__(self, root: Path) -> None:
        self.root = _read(root)

    def apply(self, call: Call) -> None:
        """Make a call; one that failed has changed nothing."""
        if call.done:
            getattr(self, f"_{call.kind}")(call)

    def after_a_cut(self, model: str) -> "dict[str, bytes | None]":
        """Return the files by path, and None for each folder."""
        return dict(_left(self.root, model, ""))

    def _at(self, path: str) -> "tuple[Folder, str]":
        folder = self.root
        *parents, name = [part for part in path.split("/") if part != "."] or [""]
        for part in parents:
            folder = folder.now[part]  # type: ignore[assignment]
        return folder, name

    def _file(self, path: str) -> File:
        folder, name = self._at(path)
        return folder.now[name]  # type: ignore[return-value]

    def _create(self, call: Call) -> None:
        folder, name = self._at(call.path)
        if isinstance(there := folder.now.get(name), File):
            there.now.clear()
        else:
            folder.now[name] = File()

    def _write(self, call: Call) -> None:
        data = self._file(call.path).now
        data.extend(bytes(max(0, call.offset - len(data))))
        data[call.offset : call.offset + len(call.data)] = call.data

    def _truncate(self, call: Call) -> None:
        data = self._file(call.path).now
        del data[call.size :]
        data.extend(bytes(call.size - len(data)))

    def _fsync(self, call: Call) -> None:
        folder, name = self._at(call.path)
        there = folder.now[name] if name else folder
        there.synced = bytes(there.now) if isinstance(there, File) else dict(there.now)

    def _rename(self, call: Call) -> None:
        (folder, name), (target, new) = self._at(call.path), self._at(call.target)
        target.now[new] = folder.now.pop(name)

    def _unlink(self, call: Call) -> None:
        folder, name = self._at(call.path)
        del folder.now[name]

    _rmdir = _unlink

    def _mkdir(self, call: Call) -> None:
        folder, name = self._at(call.path)
        if name:
            folder.now.setdefault(name, Folder())

    def _open(self, call: Call) -> None:
        """Opening changes nothing."""

    _chmod = _open


def _read(path: Path) -> Folder:
    """Return what is on a disk, all of it synced."""
    folder = Folder()
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.is_symlink():
            continue  # the data, which is not written
        if entry.is_dir():
            folder.now[entry.name] = _read(Path(entry.path))
        else:
            data = Path(entry.path).read_bytes()
            folder.now[entry.name] = File(bytearray(data), data)
    folder.synced = dict(folder.now)
    return folder


def _left(folder: Folder, model: str, path: str) -> "Iterator[tuple[str, bytes | None]]":
    for name, entry in (folder.synced if model == "synced" else folder.now).items():
        if isinstance(entry, Folder):
            yield f"{path}{name}", None
            yield from _left(entry, model, f"{path}{name}/")
        elif model == "zeros":
            kept = bytearray(len(entry.now))  # what was synced and has changed since may be lost as well
            size = min(len(kept), len(entry.synced))
            kept[:size] = entry.synced[:size]
            yield f"{path}{name}", bytes(kept)
        else:
            yield f"{path}{name}", entry.synced


def digest(left: "dict[str, bytes | None]") -> str:
    """Return what tells states of a disk apart."""
    found = hashlib.sha256()
    for path in sorted(left):
        data = left[path]
        found.update(f"{path}\0{-1 if data is None else len(data)}\0".encode() + (data or b""))
    return found.hexdigest()


def write(left: "dict[str, bytes | None]", root: Path) -> None:
    """Put a disk's files into an empty folder."""
    for path, data in left.items():
        if data is None:
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
