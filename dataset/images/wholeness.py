"""Whether an image file is whole, as far as it can be known without a second look at its pixels.

PNG has a checksum for each part; WebP, BMP and GIF say how long they are; a JPEG or TIFF shows damage only
while it is decoded, when its decoder prints what it had to make up (``dataset/images/build_store.py``). Bits
that are flipped inside the pixels of a BMP, of a WebP, of an uncompressed or LZW TIFF, or in a JPEG where its
code does not fall out of step, make another valid image: no reader can know.
"""

import re
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from dataset.images.header import Damaged, Header, chunks

_STAMP = re.compile(r"^\[ *\w+:\d+@[\d.]+\] global \S+ ")  # OpenCV's, before what it passes on
_HARMLESS = ("bad ICC marker",)  # the pixels are whole all the same
_DAMAGE = {
    "JPEG": re.compile(r"Corrupt JPEG|Premature end|^Invalid|^Inconsistent|^Application transferred"),
    "TIFF": re.compile(r"TIFF_Error|^\w*(Decode|Fetch|Read)\w*: ", re.IGNORECASE),
    "JPEG 2000": re.compile(r"error|fail|truncat", re.IGNORECASE),
}


def check_whole(data: NDArray[np.uint8], header: Header) -> None:
    """Refuse a file whose bytes (N) are fewer, or others, than it says itself.

    Raises:
        Damaged: the message says what shows it.
    """
    head = data.data
    if header.kind == "PNG":
        _check_png(head)
    elif header.kind == "WebP":
        _check_length(len(head), 8 + int.from_bytes(head[4:8], "little"))
    elif header.kind == "BMP":
        _check_bmp(head, header)


def damage(messages: str, kind: str) -> str:
    """Return what the messages of a decoder say of damage in a file of this kind, or ""."""
    pattern = _DAMAGE.get(kind)
    for line in messages.splitlines():
        message = _STAMP.sub("", line).strip()
        if pattern and pattern.search(message) and not any(words in message for words in _HARMLESS):
            return message
    return ""


def _check_png(head: memoryview) -> None:
    kind = b""
    for kind, start, length in chunks(head, 8, ">"):
        if start + length + 4 > len(head):
            raise Damaged(f"it is cut off in its part {kind.decode('latin-1')!r}")
        if zlib.crc32(head[start - 4 : start + length]) != int.from_bytes(head[start + length :][:4]):
            raise Damaged(f"the checksum of its part {kind.decode('latin-1')!r} is wrong")
    if kind != b"IEND":
        raise Damaged("it is cut off: its end is missing")


def _check_length(length: int, expected: int) -> None:
    if length < expected:
        raise Damaged(f"it is cut off: {length:,} of {expected:,} bytes are there")


def _check_bmp(head: memoryview, header: Header) -> None:
    (start, size) = struct.unpack_from("<II", head, 10)
    (bits,) = struct.unpack_from("<H", head, 24 if size == 12 else 28)
    packed = struct.unpack_from("<I", head, 30)[0] if size >= 40 else 0
    if packed in (0, 3):  # not run lengths
        _check_length(len(head), start + (header.width * bits + 31) // 32 * 4 * header.height)
