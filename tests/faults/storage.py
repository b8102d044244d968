"""Every call that changes a disk, counted inside the process; any of them can be made to fail or be the last.

``Storage(root).install()`` puts itself between Podium and ``os`` and ``open``. Only what happens below
``root`` is counted. Reads are not.

Not seen: what C code writes by itself. Podium lets none of it: safetensors' files are written piece by piece
from the tensors' own memory, and OpenCV and matplotlib are asked for bytes.
"""

import builtins
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NAMELESS = getattr(os, "O_TMPFILE", -1)  # -1: no flags are these
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk that costs no time
_CHANGING = {name: name for name in ("unlink", "mkdir", "rmdir", "chmod")} | {
    "remove": "unlink",
    "fchmod": "chmod",
}
_REAL = {name: getattr(os, name) for name in dir(os)} | {"io.open": io.open}


@dataclass(frozen=True)
class Call:
    """One call: what it is, on which file below the root, and what it needs to be repeated elsewhere."""

    number: int  # from 1
    kind: str  # create, open, write, fsync, rename, unlink, mkdir, rmdir, truncate, chmod
    path: str
    offset: int = 0  # of a write
    data: bytes = b""  # of a write
    target: str = ""  # of a rename
    size: int = 0  # of a truncation
    done: bool = True  # or it failed


class NoFault:
    """Lets every call through. A fault overrides one of the two."""

    def before(self, call: Call) -> None:
        """Do what happens instead of a call, or before it."""

    def only(self, call: Call) -> int | None:
        """Return how many bytes of a write get through before ``broken``; None: all, and it is not called."""
        return None

    def broken(self, call: Call) -> None:
        """Do what happens after a part of a write."""


@dataclass
class Storage:
    """Counts the calls below a folder, and lets a fault have its way with them."""

    root: Path
    fault: NoFault = field(default_factory=NoFault)
    calls: list[Call] = field(default_factory=list)
    read: set[str] = field(default_factory=set)  # files that were opened, for whatever

    def __post_init__(self) -> None:
        self.root = Path(os.path.realpath(self.root))
        self._prefix = f"{self.root}{os.sep}"
        self._paths: dict[int, str] = {}  # of open files, by their number
        self._lock = threading.RLock()

    def below(self, path: Any, folder: int | None = None) -> str | None:
        """Return a path from the root on, or None for one that is elsewhere."""
        if isinstance(path, int):
            return self._paths.get(path)
        name = os.fsdecode(path)
        if folder is not None:
            parent = self._paths.get(folder)
            return None if parent is None else os.path.normpath(f"{parent}/{name}")
        full = os.path.normpath(name if name.startswith(os.sep) else f"{Path.cwd()}/{name}")
        if full == str(self.root):
            return "."
        return full[len(self._prefix) :] if full.startswith(self._prefix) else None

    def call(self, do: Callable[[], Any], kind: str, path: str, **facts: Any) -> Any:
        """Count a call, then do it."""
        with self._counted(kind, path, **facts):
            return do()

    def write(self, do: Callable[[Any], int], path: str, data: Any, offset: int) -> int:
        """Count a write, then do it, or a part of it."""
        with self._counted("write", path, offset=offset, data=bytes(data)) as call:
            if (size := self.fault.only(call)) is not None:
                do(call.data[:size])
                self.fault.broken(call)
            return do(data)

    @contextmanager
    def _counted(self, kind: str, path: str, **facts: Any) -> Iterator[Call]:
        """Note a call that is made inside; one thread at a time."""
        with self._lock:
            call = Call(len(self.calls) + 1, kind, path, **facts)
            self.calls.append(call)
            try:
                self.fault.before(call)
                yield call
            except OSError:
                self.calls[call.number - 1] = replace(call, done=False)
                raise

    def install(self) -> None:
        """Take the place of everything that writes, in this process."""
        builtins.open = io.open = self._open_file  # type: ignore[assignment]
        os.open, os.close = self._open, self._close  # type: ignore[assignment]
        os.write, os.pwrite = self._write, self._pwrite  # type: ignore[assignment]
        os.fsync, os.fdatasync = self._fsync, self._fdatasync  # type: ignore[assignment]
        os.rename = self._moving("rename")
        os.replace = self._moving("replace")
        os.truncate = os.ftruncate = self._truncate  # type: ignore[assignment]
        for name, kind in _CHANGING.items():
            setattr(os, name, self._changing(name, kind))

    def remove(self) -> None:
        """Give everything back its place."""
        builtins.open = io.open = _REAL["io.open"]
        for name in (
            *_CHANGING,
            "open",
            "close",
            "write",
            "pwrite",
            "fsync",
            "fdatasync",
            "rename",
            "replace",
        ):
            setattr(os, name, _REAL[name])
        os.truncate, os.ftruncate = _REAL["truncate"], _REAL["ftruncate"]

    def _changing(self, name: str, kind: str) -> Callable[..., Any]:
        real = _REAL[name]

        def change(path: Any, *rest: Any, dir_fd: int | None = None, **more: Any) -> Any:
            options = more if dir_fd is None else {**more, "dir_fd": dir_fd}
            below = self.below(path, dir_fd)
            if below is None:
                return real(path, *rest, **options)
            return self.call(lambda: real(path, *rest, **options), kind, below)

        return change

    def _moving(self, name: str) -> Callable[..., None]:
        real = _REAL[name]

        def move(source: Any, target: Any, **options: Any) -> None:
            below, there = self.below(source), self.below(target)
            if below is None or there is None:
                return real(source, target, **options)
            return self.call(lambda: real(source, target, **options), "rename", below, target=there)

        return move

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        below = self.below(path, dir_fd)
        options = {} if dir_fd is None else {"dir_fd": dir_fd}
        real = lambda: _REAL["open"](path, flags, mode, **options)  # noqa: E731
        if below is None:
            return real()
        number = real() if not flags & WRITING else self.call(real, self._opening(below, flags), below)
        if flags & _NAMELESS == _NAMELESS:  # what is written there is on no disk afterwards
            return number
        self._paths[number] = below
        self.read.add(below)
        return number

    def _opening(self, below: str, flags: int) -> str:
        new = flags & os.O_TRUNC or (flags & os.O_CREAT and not (self.root / below).exists())
        return "create" if new else "open"

    def _close(self, number: int) -> None:
        self._paths.pop(number, None)
        _REAL["close"](number)

    def _write(self, number: int, data: Any) -> int:
        if (below := self._paths.get(number)) is None:
            return _REAL["write"](number, data)
        offset = os.lseek(number, 0, os.SEEK_CUR)
        return self.write(lambda part: _REAL["write"](number, part), below, data, offset)

    def _pwrite(self, number: int, data: Any, offset: int) -> int:
        if (below := self._paths.get(number)) is None:
            return _REAL["pwrite"](number, data, offset)
        return self.write(lambda part: _REAL["pwrite"](number, part, offset), below, data, offset)

    def _fsync(self, number: int) -> None:
        self._sync(_REAL["fsync"], number)

    def _fdatasync(self, number: int) -> None:
        self._sync(_REAL["fdatasync"], number)

    def _sync(self, real: Callable[[int], None], number: int) -> None:
        number = number if isinstance(number, int) else number.fileno()
        below = self._paths.get(number)
        if below is None:
            return real(number)
        return self.call(lambda: real(number), "fsync", below)

    def _truncate(self, path: Any, size: int) -> None:
        below = self.below(path)
        real = lambda: _REAL["truncate"](path, size)  # noqa: E731
        return real() if below is None else self.call(real, "truncate", below, size=size)

    def _open_file(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
        if more.get("opener") is not None:  # which calls os.open
            return _REAL["io.open"](file, mode, buffering, *rest, **more)
        below = None if isinstance(file, int) else self.below(file)
        if below is not None:
            self.read.add(below)
        if below is None or not set(mode) & set("wax+"):
            return _REAL["io.open"](file, mode, buffering, *rest, **more)
        raw = _CountedFile(self, below, file, mode.translate({ord("b"): None, ord("t"): None}))
        if buffering == 0:
            return raw
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, *rest, **more, line_buffering=buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text


class _CountedFile(io.FileIO):
    """An open file whose writes are counted when they reach the system, not when they reach a buffer."""

    def __init__(self, storage: Storage, below: str, file: Any, mode: str) -> None:
        self._storage, self._below = storage, below
        flags = {"w": os.O_TRUNC, "r": 0}.get(mode[0], os.O_CREAT)
        kind = storage._opening(below, flags)
        storage.call(lambda: super(_CountedFile, self).__init__(file, mode), kind, below)
        storage._paths[self.fileno()] = below

    def write(self, data: Any) -> int:
        offset = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        return self._storage.write(super().write, self._below, data, offset)

    def close(self) -> None:
        if not self.closed:
            self._storage._paths.pop(self.fileno(), None)
        super().close()
