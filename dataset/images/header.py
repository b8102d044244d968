"""What the first bytes of an image file say of it: its kind, its size, how it lies. Decodes nothing."""

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset.images.npy import NPY, START, npy_facts
from dataset.images.tiff_tags import directory, orientation

FRAMES = "hold several frames or pages, of which only the first is taken"
ALPHA = "have an alpha channel: what it makes transparent is shown all the same"
INKS = "are in four inks (CMYK), which are turned into red, green and blue without a colour profile"
_BARE = {0xD8, 0x01, *range(0xD0, 0xD8)}  # JPEG markers that no length follows
_FRAMES_OF_JPEG = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_HEADERS_OF_BMP = (12, 40, 52, 56, 64, 108, 124)  # bytes
_NETPBM = re.compile(rb"P[1-6](?:\s|#.*\n)+(\d{1,9})(?:\s|#.*\n)+(\d{1,9})(?:(?:\s|#.*\n)+(\d{1,5})\s)?")
_START_OF_AVIF = 2**16  # bytes in which its boxes are
_FLOATS, _CMYK, _LAB = 3, 5, 8  # TIFF's numbers of a sample format, and of photometric interpretations


class Damaged(ValueError):
    """A file that is an image of a known kind, but not whole; the message says what is wrong."""


class Header(NamedTuple):
    """What an image file says of itself.

    Args:
        kind: of the file, such as ``JPEG``.
        height: of the image as it is stored, pixels.
        width: the same.
        bits: of a value.
        colours: values of a pixel, where it matters.
        lies: 1 to 8 as EXIF counts; 1 is upright, from 5 on height and width change places.
        remark: what is to be said of how it is read, or "".
        refused: why it is not read, or "".
        by_pillow: whether Pillow decodes it, not OpenCV.
    """

    kind: str
    height: int
    width: int
    bits: int = 8
    colours: int = 3
    lies: int = 1
    remark: str = ""
    refused: str = ""
    by_pillow: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        return (self.width, self.height) if self.lies > 4 else (self.height, self.width)


def read_header(data: NDArray[np.uint8]) -> Header | None:
    """Return what a file's bytes (N) say; None if it is of no kind that is read here.

    Raises:
        Damaged: the header is cut off, or impossible.
    """
    head = data.data
    first = bytes(head[:_LONGEST_START])
    parse = next((parse for start, parse in _KINDS if first.startswith(start)), None)
    if parse is None and first[4:8] == b"ftyp":  # after a length
        parse = _avif
    if parse is None:
        return None
    try:
        return parse(head)
    except (struct.error, IndexError):
        raise Damaged("its header is cut off") from None


def _jpeg(head: memoryview) -> Header:
    at, lies = 2, 1

    while True:
        # As libjpeg does it: whatever stands before the next marker is passed over.
        while head[at] != 0xFF:
            at += 1
        while head[at] == 0xFF:
            at += 1

        marker, at = head[at], at + 1
        if marker in _BARE or marker == 0:
            continue
        if marker in _FRAMES_OF_JPEG:
            bits, height, width, colours = struct.unpack_from(">2xBHHB", head, at)
            return _frame_of_jpeg(marker, Header("JPEG", height, width, bits, colours, lies))
        if marker in (0xD9, 0xDA):
            raise Damaged("its header is missing")

        # A camera writes which way up it was held before the size.
        if marker == 0xE1 and bytes(head[at + 2 : at + 8]) == b"Exif\0\0":
            lies = orientation(head[at + 8 : at + int.from_bytes(head[at : at + 2])])
        at += max(2, int.from_bytes(head[at : at + 2]))


def _frame_of_jpeg(marker: int, frame: Header) -> Header:
    """Return what a frame's header said, and what its marker says of whether it can be read."""
    refused = ""
    if marker in _LOSSLESS:
        refused = "a lossless JPEG, which is not read: save it as PNG"
    elif frame.bits != 8:
        refused = f"a JPEG of {frame.bits} bits, which is not read: save it as PNG of 16 bits"
    return frame._replace(remark=INKS if frame.colours == 4 else "", refused=refused)


def _png(head: memoryview) -> Header:
    if bytes(head[12:16]) != b"IHDR":
        raise Damaged("its header is missing")
    width, height, bits, colour = struct.unpack_from(">IIBB", head, 16)
    lies, remark = 1, ALPHA if colour in (4, 6) else ""
    for kind, start, length in chunks(head, 8, ">"):
        if kind == b"IDAT":
            break
        if kind == b"eXIf":
            lies = orientation(head[start : start + length])
        elif kind == b"acTL":
            remark = FRAMES
        elif kind == b"tRNS":
            remark = remark or ALPHA
    return Header("PNG", height, width, bits, lies=lies, remark=remark)


def _webp(head: memoryview) -> Header | None:
    if bytes(head[8:12]) != b"WEBP":
        return None
    size: tuple[int, int] | None = None
    lies, remark = 1, ""
    # OpenCV takes some files that are out of step: lossless ones, and those with bytes too many.
    by_pillow = len(head) > 9 + int.from_bytes(head[4:8], "little")

    for kind, start, _ in chunks(head, 12, "<"):
        if kind == b"VP8X":
            flags, width, height = struct.unpack_from("<B3x3s3s", head, start)
            size = 1 + int.from_bytes(height, "little"), 1 + int.from_bytes(width, "little")
            remark = FRAMES if flags & 0x02 else ALPHA if flags & 0x10 else ""
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", head, start + 6)
            size = size or (height & 0x3FFF, width & 0x3FFF)
        elif kind == b"VP8L":
            by_pillow = True
            (packed,) = struct.unpack_from("<I", head, start + 1)
            size = size or (1 + (packed >> 14 & 0x3FFF), 1 + (packed & 0x3FFF))
            remark = remark or (ALPHA if packed >> 28 & 1 else "")
        elif kind == b"EXIF":
            exif = head[start:]
            lies = orientation(exif[6:] if bytes(exif[:6]) == b"Exif\0\0" else exif)

    if size is None:
        raise Damaged("its header is missing")
    return Header("WebP", *size, lies=lies, remark=remark, by_pillow=by_pillow)


def _bmp(head: memoryview) -> Header:
    (size,) = struct.unpack_from("<I", head, 14)
    if size not in _HEADERS_OF_BMP:
        raise Damaged(f"its header can't have {size} bytes")
    width, height, bits = struct.unpack_from("<HH2xH" if size == 12 else "<ii2xH", head, 18)
    return Header("BMP", abs(height), abs(width), 8 if bits > 1 else 1)


def _gif(head: memoryview) -> Header:
    width, height = struct.unpack_from("<HH", head, 6)
    return Header("GIF", height, width, by_pillow=True)  # OpenCV 4 need not know this kind


def _tiff(head: memoryview) -> Header:
    tags = directory(head)
    if tags is None:
        raise Damaged("its directory is missing or cut off")
    bits, pictured = tags.first(258, 1), tags.first(262, 0)
    refused = remark = ""

    if tags.first(339, 1) == _FLOATS:
        refused = (
            f"a TIFF of floating-point numbers ({bits} bits), which don't say what is black and what white: "
            "save it with 8 or 16 bits"
        )
    elif pictured == _LAB:
        refused = "a TIFF in L*a*b* colours, which is not read: save it in RGB"
    elif bits > 16:
        refused = f"a TIFF of {bits} bits a value, which is not read: save it with 8 or 16 bits"

    if not tags.last:
        remark = FRAMES
    elif pictured == _CMYK:
        remark = INKS
    elif 338 in tags:
        remark = ALPHA

    # OpenCV mixes transparency into the colours, and version 4 takes damaged ones. Whoever decodes a TIFF
    # turns it upright.
    height, width = tags.first(257, 0), tags.first(256, 0)
    return Header("TIFF", height, width, bits, remark=remark, refused=refused, by_pillow=bits <= 8)


def _jpeg_2000(head: memoryview) -> Header:
    box = bytes(head[:200]).find(b"ihdr")
    if box < 0:
        raise Damaged("its header is missing")
    height, width, colours, bits = struct.unpack_from(">IIHB", head, box + 4)
    return Header("JPEG 2000", height, width, (bits & 0x7F) + 1, colours)


def _avif(head: memoryview) -> Header | None:
    """Return the size of the largest picture inside: one may be stored in tiles, or beside a preview."""
    brands = bytes(head[8 : int.from_bytes(head[:4])])
    if b"avif" not in brands and b"avis" not in brands:
        return None
    start = bytes(head[:_START_OF_AVIF])
    ends = [match.end() for match in re.finditer(b"ispe", start)]
    sizes = [struct.unpack_from(">II", head, end + 4) for end in ends]  # after version and flags
    if not sizes:
        raise Damaged("its header is missing")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Header("AVIF", height, width, remark=FRAMES if b"avis" in brands else "", by_pillow=True)


def _netpbm(head: memoryview) -> Header | None:
    match = _NETPBM.match(bytes(head[:1000]))
    if match is None:
        return None
    width, height, most = (int(number or 1) for number in match.groups())
    return Header("Netpbm", height, width, 8 if most < 256 else 16)


def _npy(head: memoryview) -> Header:
    try:
        height, width, bits, colours, refused = npy_facts(head)
    except ValueError as error:
        raise Damaged(f"a {NPY} whose header can't be read: {error}") from None
    return Header(NPY, height, width, bits, colours, remark=ALPHA if colours == 4 else "", refused=refused)


def chunks(head: memoryview, at: int, order: str) -> list[tuple[bytes, int, int]]:
    """Return kind, start and length of each chunk of a PNG (``>``) or WebP (``<``) that begins in the file.

    Args:
        at: where the first one begins.
    """
    png, parts = order == ">", []
    while at + 8 <= len(head):
        first, second = bytes(head[at : at + 4]), bytes(head[at + 4 : at + 8])
        kind, length = (second, int.from_bytes(first)) if png else (first, int.from_bytes(second, "little"))
        parts.append((kind, at + 8, length))
        at += 12 + length if png else 8 + length + length % 2
        if png and kind == b"IEND":
            break
    return parts


_KINDS: tuple[tuple[bytes, Callable[[memoryview], Header | None]], ...] = (
    (b"\xff\xd8", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"GIF8", _gif),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _jpeg_2000),
    (b"P", _netpbm),
    (START, _npy),
    *((start, _tiff) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_LONGEST_START = max(len(start) for start, _ in _KINDS)
