"""Files that have an image's name and are no image that is read: what they are, and what to do."""

import numpy as np
from numpy.typing import NDArray

_CONVERT = "which is not read: convert it to JPEG or PNG"
_NONE = "not an image, but"
_UNKNOWN = "not an image of a kind that is read (JPEG, PNG, WebP, TIFF, BMP, GIF)"
_BRANDS = {"crx ": "CR3 (a camera's raw file)", "jxl ": "JPEG XL"}
_HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
_STARTS = (  # the longest that fits is meant
    (b"8BPS", f"a PSD file (Photoshop), {_CONVERT}"),
    (b"\xffO\xffQ", f"a bare JPEG 2000 stream, {_CONVERT}"),
    (b"\xff\x0a", f"a JPEG XL file, {_CONVERT}"),
    (b"\0\0\0\x0cJXL ", f"a JPEG XL file, {_CONVERT}"),
    (b"\x76\x2f\x31\x01", f"an OpenEXR file, {_CONVERT}"),
    (b"#?RADIANCE", f"a Radiance HDR file, {_CONVERT}"),
    (b"SIMPLE  =", f"a FITS file, {_CONVERT}"),
    (b"\0\0\1\0", f"an icon (ICO), {_CONVERT}"),
    (b"%PDF", f"{_NONE} a PDF document"),
    (b"%!PS", f"a PostScript file, {_CONVERT}"),
    (b"PK\3\4", f"{_NONE} a zip archive: unpack it"),
    (b"\x1f\x8b", f"{_NONE} a gzip archive: unpack it"),
    (b"7z\xbc\xaf", f"{_NONE} a 7z archive: unpack it"),
    (b"Rar!", f"{_NONE} a RAR archive: unpack it"),
    (b"BZh", f"{_NONE} a bzip2 archive: unpack it"),
    (b"\xfd7zXZ", f"{_NONE} an xz archive: unpack it"),
    (b"\x89HDF", f"{_NONE} an HDF5 file"),
    (b"version https://git-lfs", f"{_NONE} a Git LFS pointer to it: run git lfs pull"),
    (b"\x00\x05\x16\x07", f"{_NONE} a Mac's companion file (._NAME): delete it"),
    (b"\x1aE\xdf\xa3", f"{_NONE} a video"),
    (b"OggS", f"{_NONE} a video or sound"),
    (b"ID3", f"{_NONE} a sound"),
)


def name_foreign(data: NDArray[np.uint8]) -> str:
    """Return what a file is that has no image's header, in words, from its bytes (N)."""
    head = data[:4096].tobytes()
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12].decode("latin-1"))
    if head[128:132] == b"DICM":
        return f"a DICOM file, {_CONVERT}"
    if head[257:262] == b"ustar":
        return f"{_NONE} a tar archive: unpack it"
    if head[:4] == b"RIFF":
        return f"{_NONE} a RIFF file of type {_printable(head[8:12])}"
    for start, what in _STARTS:
        if head.startswith(start):
            return what
    return _of_text(head)


def _of_brand(brand: str) -> str:
    """Return what a file of ISO's media format is, by its brand."""
    if brand in _BRANDS:
        return f"{_article(_BRANDS[brand])} file, {_CONVERT}"
    if brand in _HEIC:
        return f"a HEIC file, {_CONVERT}"
    return f"{_NONE} a video or the like, of brand {_printable(brand.encode('latin-1'))}"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIO" else f"a {noun}"


def _of_text(head: bytes) -> str:
    if not head.strip(b"\0"):
        return f"{_NONE} zeros only: most likely an interrupted copy"

    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < 4096 else "ignore").strip()
    except UnicodeDecodeError:
        return _UNKNOWN
    if not text.isprintable() and any(not (c.isprintable() or c.isspace()) for c in text):
        return _UNKNOWN

    small = text[:1000].lower()
    if "<svg" in small:
        return f"an SVG drawing, {_CONVERT}"
    if "<html" in small or "<!doctype html" in small:
        return f"{_NONE} a web page (HTML): most likely an error that was downloaded in its place"
    if small.startswith("<?xml"):
        return f"{_NONE} an XML document"
    if small.startswith("data:image"):
        return f"{_NONE} one written as base64 text: decode it"
    return f"{_NONE} a text file that begins with {text[:40]!r}" if text else f"{_NONE} blank text"


def _printable(raw: bytes) -> str:
    return repr(raw.decode("latin-1").strip())
