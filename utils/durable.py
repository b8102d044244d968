"""Files that survive a power cut: whole under their name, or not there at all; and locks.

Everything that Podium keeps is written through this module, so that a write that fails is always the same one
line with the file and the reason.
"""

import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from utils.errors import DataError, WriteFailed

# What a killed process leaves: our own file by its process, and those of safetensors and of measuring.
_OURS = re.compile(r"\..+\.(\d+)\.tmp")
_OTHERS = re.compile(r"\.tmp[A-Za-z0-9]{6}|\.measure-.+")

_BUFFER = 2**20  # bytes: small pieces are written together


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError inside into a WriteFailed that names ``path``."""
    try:
        yield
    except OSError as error:
        raise WriteFailed(f"{path} can't be written: {error.strerror or error}.") from error


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it there in one step.

    Order: write, flush, fsync, rename, fsync of the folder. A reader never sees half a file, and a
    kill at any moment leaves the old file or the new one. Its permissions are the user's usual ones.

    Raises:
        WriteFailed: the disk is full, or the like; the old file is still there.
    """

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    with writing(path):
        _remove_left_of(path)
        try:
            temporary.write_bytes(b"")
            usual = temporary.stat().st_mode
            write(temporary)

            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            if temporary.stat().st_mode != usual:  # a library that made the file anew
                temporary.chmod(usual & 0o7777)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes durably."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_durably(path, write)


def write_pieces(path: Path, pieces: Callable[[], Iterable[memoryview]]) -> tuple[int, str]:
    """Write pieces of bytes durably, one after another; return how many bytes they are, and their SHA-256.

    So the digest is of what should be there, and not of what a disk has made of it.
    """
    digest, size = hashlib.sha256(), 0

    def write(temporary: Path) -> None:
        nonlocal size
        with open(temporary, "wb", buffering=_BUFFER) as file:
            for piece in pieces():
                file.write(piece)
                digest.update(piece)
                size += piece.nbytes

    write_durably(path, write)
    return size, digest.hexdigest()


def put(path: Path, data: bytes) -> None:
    """Write a file into a folder that has no name yet: ``name_folder`` brings it to the disk."""
    with writing(path):
        path.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text durably, with the line ends that ``text`` has."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON durably; floats that are not finite are refused (they would be invalid JSON).

    An object gets a ``digest`` of the rest of it, which ``utils.read_json`` checks.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))  # as it will be read: keys are text
    if isinstance(plain, dict):
        plain["digest"] = digest_of(plain)
    text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # a folder's name may be no text


def digest_of(values: dict[str, Any]) -> str:
    """Return the SHA-256 in hex of what an object says, however it is written."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there yet."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def make_new_folder(folder: Path) -> None:
    """Make a folder that must not be there yet."""
    with writing(folder):
        folder.mkdir()


def name_folder(partial: Path, folder: Path) -> None:
    """Give a folder its name in one step, when everything in it is on the disk."""
    with writing(folder):
        for path in [*partial.rglob("*"), partial]:
            _sync(path)
        partial.rename(folder)
    sync_folder(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with writing(path):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all that is in it, as far as that goes; nothing depends on it any more."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half written in a folder, whose lock the caller holds."""
    with suppress(OSError):  # a folder that can only be read
        for path in sorted(folder.glob(".*")):
            ours = _OURS.fullmatch(path.name)
            if (ours and not _lives(int(ours[1]))) or _OTHERS.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable."""
    with writing(folder):
        _sync(folder)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex.

    Raises:
        DataError: it can't be read.
    """
    with _reading(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(path: Path) -> str:
    """Return the SHA-256 of a text file in hex; line ends that git has changed don't count.

    Raises:
        DataError: it can't be read.
    """
    with _reading(path):
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold an exclusive lock on ``path`` while inside; yields whether it was got.

    The kernel owns the lock, so it is gone when the process is, however that ended; the file may stay.
    With ``wait`` it blocks until the lock is free.
    """
    with writing(path):
        file = open(path, "a")  # noqa: SIM115
    with file:
        try:
            with writing(path):
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except WriteFailed as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            yield False
            return
        yield True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_left_of(path: Path) -> None:
    """Remove what killed processes had begun to write under this name."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        ours = _OURS.fullmatch(left.name)
        if ours and not _lives(int(ours[1])):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Tell whether a process is there; of our own number, what is left is of one that had it before."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
