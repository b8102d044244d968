"""Text files in another encoding than UTF-8: which one it is likely to be, and how to convert it."""

import codecs
from pathlib import Path

from utils.command import quoted

_MARKS = {  # longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# Names of Python and of iconv, and the letters that text in them has in plenty.
_REGIONAL = {
    "cp949": ("CP949", "가", "힣"),
    "cp932": ("CP932", "ぁ", "ヿ"),
    "gb18030": ("GB18030", "一", "鿿"),
}


# What the files that are given in a text's place begin with, and what to do.
_OTHER_FILES = {
    b"BZh": "packed by bzip2: unpack it",
    b"\xfd7zXZ\0": "packed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it",
    b"\x1f\x8b": "packed by gzip: unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"\xd0\xcf\x11\xe0": "a file of old Excel (.xls): save it as 'CSV UTF-8'",
    b"SQLite format 3": "a database of SQLite: write the table as CSV",
    b"\x89HDF": "an HDF5 file: write the table as CSV",
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
}
_NEVER_TYPED = frozenset(map(chr, range(32))) - set("\t\n\r\v\f\x1a\x1b")


def not_utf8(path: Path) -> str:
    """Return what is wrong with a file that is not UTF-8, and what converts it."""
    data = path.read_bytes()
    for start, what in _OTHER_FILES.items():
        if data.startswith(start):
            return f"{path} is not text, but {what}."
    encoding = likely_encoding(data)
    if not _NEVER_TYPED.isdisjoint(data.decode(encoding, "replace")):
        why = "it holds characters that no text has"
        return f"{path} is not text: {why}. Is it another kind of file, or damaged?"
    fresh = path.with_name(f"{path.stem}_utf8{path.suffix}")
    command = f"iconv -f {encoding} -t UTF-8 {quoted(path)} > {quoted(fresh)}"
    return f"{path} is not UTF-8 text: it looks like {encoding}. Save it as UTF-8, or: {command}"


def likely_encoding(data: bytes) -> str:
    """Return iconv's name of the encoding that some text, which is not UTF-8, is likely to have."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    if is_utf16(data):
        return "UTF-16LE" if data[1::2].count(0) > data[::2].count(0) else "UTF-16BE"
    shares = {name: _share(data, codec, *letters) for codec, (name, *letters) in _REGIONAL.items()}
    likeliest = max(shares, key=lambda name: shares[name])
    return likeliest if shares[likeliest] > 0.5 else "CP1252"


def is_utf16(data: bytes) -> bool:
    """Tell whether Latin letters stand there in two bytes each, one of which is 0."""
    return data.count(0) > len(data) / 4


def _share(data: bytes, codec: str, first: str, last: str) -> float:
    """Return which share of the letters beyond ASCII are those of an encoding's own language."""
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return 0.0
    letters = [letter for letter in text if ord(letter) > 127]
    return sum(first <= letter <= last for letter in letters) / max(len(letters), 1)
