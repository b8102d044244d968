"""The first directory of a TIFF, which also is how EXIF says which way up a photo is."""

import struct

BIG, SMALL = ">", "<"
_ORIENTATION = 274
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # whole numbers without a sign, by TIFF's number of the type
_MOST_ENTRIES = 4096  # no real directory has more


class Directory(dict[int, tuple[int, ...]]):
    """The whole numbers of a directory by tag; ``last`` is whether no other directory follows."""

    last = True

    def first(self, tag: int, default: int) -> int:
        """Return the first number of a tag, or ``default``."""
        return (self.get(tag) or (default,))[0]


def directory(data: memoryview) -> Directory | None:
    """Return the first directory of a TIFF or of EXIF; None if there is none.

    Args:
        data: from the ``II`` or ``MM`` on.
    """
    order = {b"II": SMALL, b"MM": BIG}.get(bytes(data[:2]), "")
    if not order:
        return None
    try:
        (magic,) = struct.unpack_from(order + "H", data, 2)
        if magic == 42:
            return _read(data, order, "I", "H", struct.unpack_from(order + "I", data, 4)[0])
        if magic == 43:  # with offsets of 64 bits
            return _read(data, order, "Q", "Q", struct.unpack_from(order + "Q", data, 8)[0])
    except struct.error:  # it ends before its directory does
        pass
    return None


def orientation(exif: memoryview) -> int:
    """Return how the photo lies, 1 to 8 as EXIF counts; 1, upright, where nothing valid says so."""
    tags = directory(exif)
    number = 1 if tags is None else tags.first(_ORIENTATION, 1)
    return number if 1 <= number <= 8 else 1


def _read(data: memoryview, order: str, offset: str, count: str, start: int) -> Directory:
    """Return the directory at ``start``; ``offset`` and ``count`` are struct's letters for their widths."""
    tags, width = Directory(), struct.calcsize("=" + offset)
    (entries,) = struct.unpack_from(order + count, data, start)
    start += struct.calcsize("=" + count)
    head = struct.Struct(order + "HH" + offset)

    for number in range(min(entries, _MOST_ENTRIES)):
        at = start + number * (head.size + width)
        try:
            tag, kind, values = head.unpack_from(data, at)
            if (letter := _FORMATS.get(kind)) is None or not 1 <= values <= 16:
                continue
            where = at + head.size
            if values * struct.calcsize("=" + letter) > width:
                (where,) = struct.unpack_from(order + offset, data, where)
            tags[tag] = struct.unpack_from(f"{order}{values}{letter}", data, where)
        except struct.error:  # what stands before the damage still counts
            return tags

    end = start + entries * (head.size + width)
    tags.last = not any(data[end : end + width])
    return tags
