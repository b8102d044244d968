"""A store of files by their SHA-256, in a folder or in any bucket that fsspec knows."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from utils.durable import make_folder, sha256_of, write_durably
from utils.errors import ConfigError, DataError, PodiumError, ResumableStop

T = TypeVar("T")
_PIECE = 1 << 20  # bytes that are read at once


@dataclass(frozen=True, slots=True)
class Remote:
    """A place for files, each under its own digest: what is there already is never sent again."""

    url: str
    system: Any
    root: str

    @classmethod
    def of(cls, url: str) -> "Remote":
        """Return the store at an address.

        Raises:
            ConfigError: nobody knows such an address, or a package for it is missing.
        """
        try:
            import fsspec
        except ImportError:
            raise ConfigError("--mode push and pull need fsspec: pip install fsspec") from None
        try:
            system, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ConfigError(f"[share] url = {url}: {error}.") from None
        except (ValueError, OSError) as error:
            raise ConfigError(f"[share] url = {url} can't be used: {error}.") from None
        return cls(url, system, root)

    def put(self, path: Path, digest: str) -> bool:
        """Send a file, read it back, and only then give it its name; return whether it was not there yet.

        Raises:
            ResumableStop: it could not be sent, or arrived as something else.
        """
        key = self._key(digest)
        if self._try("looked at", lambda: self.system.exists(key)):
            return False
        partial = f"{key}.{os.getpid()}.part"
        self._try("written", lambda: self._send(path, partial))
        arrived = self._try("read", lambda: self._digest(partial))
        if arrived != digest:
            self._try("removed", lambda: self.system.rm(partial))
            raise ResumableStop(f"{path} arrived at {self.url} as something else: push it once more.")
        self._try("named", lambda: self.system.mv(partial, key))
        return True

    def get(self, digest: str, path: Path) -> None:
        """Fetch a file to its place, where it gets its name when its digest is right.

        Raises:
            DataError: it is not there, or is damaged there.
            ResumableStop: it could not be fetched.
        """
        key = self._key(digest)
        if not self._try("looked at", lambda: self.system.exists(key)):
            raise DataError(
                f"{self.url} has no file {digest}, which {path} is: ask who trained it to push it."
            )

        def fetch(temporary: Path) -> None:
            self._try("read", lambda: self.system.get_file(key, str(temporary)))
            if sha256_of(temporary) != digest:
                raise DataError(
                    f"{key} in {self.url} is damaged: its SHA-256 is another one. Remove it there, and let "
                    "who trained it push it again."
                )

        make_folder(path.parent)
        write_durably(path, fetch)

    def _key(self, digest: str) -> str:
        return f"{self.root.rstrip('/')}/{digest[:2]}/{digest}"

    def _send(self, path: Path, key: str) -> None:
        self.system.makedirs(key.rpartition("/")[0], exist_ok=True)
        self.system.put_file(str(path), key)

    def _digest(self, key: str) -> str:
        digest = hashlib.sha256()
        with self.system.open(key, "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def _try(self, what: str, do: Callable[[], T]) -> T:
        try:
            return do()
        except PodiumError:
            raise
        except Exception as error:  # each kind of bucket has errors of its own
            text = " ".join(str(error).split()) or type(error).__name__
            raise ResumableStop(f"{self.url} can't be {what}: {text}") from error
