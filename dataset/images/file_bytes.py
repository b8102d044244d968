"""An image file's bytes, and what the first of them say: of files that are not read, why."""

import os
from pathlib import Path

import numpy as np

from dataset.croppers.base import Pixels
from dataset.images.foreign import name_foreign
from dataset.images.header import Damaged, Header, read_header

MOST_PIXELS = 100_000_000  # that a file may say it has: decoded they take 300 MB


class UnreadableImage(ValueError):
    """A file that can't be decoded, or is damaged; the message says which and why."""


def read(path: Path) -> Pixels:
    """Return a file's bytes, uint8 (N).

    Raises:
        UnreadableImage: the file is missing or empty.
    """
    try:
        data = np.frombuffer(_bytes(path), dtype=np.uint8)
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror}") from None
    if not data.size:
        raise UnreadableImage(f"{path}: the file is empty")
    return data


def _bytes(path: Path) -> bytes:
    """Return what a file holds, by few calls of the system: threads hand Python's lock round in each."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size + 1)
        if len(data) == size:  # it ends there
            return data
        parts = [data]
        while parts[-1]:
            parts.append(os.read(file, 2**20))
        return b"".join(parts)
    finally:
        os.close(file)


def header_of(data: Pixels, path: Path) -> Header:
    """Return what a file's first bytes say of it.

    Raises:
        UnreadableImage: it is of a kind that is not read, has too many pixels, or is damaged.
    """
    try:
        header = read_header(data)
    except Damaged as error:
        raise UnreadableImage(f"{path}: damaged, {error}") from None
    if header is None:
        raise UnreadableImage(f"{path}: {name_foreign(data)}")
    if header.refused:
        raise UnreadableImage(f"{path}: {header.refused}")

    height, width = header.height, header.width
    if height * width > MOST_PIXELS:
        raise UnreadableImage(
            f"{path}: a {header.kind} of {width} x {height} pixels, which is too large: at most "
            f"{MOST_PIXELS // 10**6} megapixels are read. Make it smaller"
        )
    if not height * width:
        raise UnreadableImage(f"{path}: damaged, a {header.kind} of {width} x {height} pixels")
    return header
