"""Builds the store of prepared images: every file is decoded once, by all cores."""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from dataset.croppers.base import Pixels
from dataset.files.named_files import NamedFiles
from dataset.images.coming import Coming, Meanwhile, alongside, ended_by_failure
from dataset.images.file_bytes import UnreadableImage, header_of, read
from dataset.images.pixel_files import PixelFile
from dataset.images.prepare import Prepare
from dataset.images.wholeness import damage
from utils.cores import cores, on_a_core
from utils.durable import make_folder, name_folder, remove_folder, write_json
from utils.forms import COUNT, NUMBER, TEXT, Form, by_name, list_of
from utils.native_messages import NativeMessages, native_messages

_CHUNK, _CHUNK_BYTES = 16, 2**22  # images, or bytes of them prepared, that a thread takes at once
MANIFEST: Form = {  # of what a store keeps as JSON
    "bad": by_name(TEXT),
    "missed": list_of(COUNT),
    "remarks": by_name(list_of(COUNT)),
    "shape": list_of(COUNT),
    "sums": TEXT,
    "ends": TEXT,
    "decibels": list_of(NUMBER, size=2),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What showed when images were prepared."""

    bad: dict[int, str] = field(default_factory=dict)  # rows that can't be read, and why
    missed: list[int] = field(default_factory=list)  # rows in which the cropper found nothing
    remarks: dict[str, list[int]] = field(default_factory=dict)  # how files were read, and rows
    # Rows during which some decoder printed something, most likely its own.
    suspects: list[int] = field(default_factory=list)

    def add(self, more: "Seen") -> None:
        """Add what showed in other rows."""
        self.bad.update(more.bad)
        self.missed.extend(more.missed)
        self.suspects.extend(more.suspects)
        for remark, rows in more.remarks.items():
            self.remarks.setdefault(remark, []).extend(rows)

    def facts(self) -> dict[str, object]:
        """Return what a store keeps of it."""
        return {"bad": self.bad, "missed": self.missed, "remarks": self.remarks}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Seen":
        """Return the same from what a store kept, read as JSON."""
        bad = {int(row): why for row, why in facts["bad"].items()}
        return cls(bad, facts["missed"], facts["remarks"])


def build(
    folder: Path,
    files: NamedFiles,
    prepare: Prepare,
    what: str,
    kept: type[PixelFile],
    meanwhile: Meanwhile | None = None,
) -> None:
    """Make the store of these images in ``folder``; the caller holds its lock.

    Args:
        kept: how their pixels are written.
        meanwhile: uses the images while the store is built.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    remove_folder(partial)  # left by a build that was killed; we hold its lock
    make_folder(partial)
    shape = (len(files), *prepare.size, 3)

    def prepared(coming: Coming | None) -> None:
        with kept(partial, shape) as pixels:
            seen = prepare_all(files, prepare, f"Preparing {what} images", pixels, coming)
            pixels.sync()
        facts = {"shape": shape, **seen.facts(), "prepare": prepare.facts(), **pixels.facts()}
        write_json(partial / "manifest.json", facts)

        remove_folder(folder)  # damaged, or of images that have been mended since
        name_folder(partial, folder)

    alongside(prepared, shape, meanwhile)


def prepare_all(
    files: NamedFiles, prepare: Prepare, title: str, pixels: PixelFile | None, coming: Coming | None = None
) -> Seen:
    """Prepare every image on all cores, into ``pixels`` and ``coming`` if given; return what showed."""
    chunks = _chunks(len(files), 3 * math.prod(prepare.size))
    threads_before = cv2.getNumThreads()
    cv2.setNumThreads(0)  # our threads already fill the cores
    seen = Seen()

    try:
        with native_messages() as messages:

            def fill(rows: range) -> Seen:
                return _fill(pixels, files, rows, prepare, messages, coming)

            bar = tqdm(total=len(files), desc=title, unit="img", disable=None, file=messages.terminal)
            # Threads of the pool may wait until images are asked for, by somebody who waits for a failed one.
            with bar, ThreadPoolExecutor(cores()) as pool, ended_by_failure(coming):
                for rows, more in zip(chunks, pool.map(fill, chunks), strict=True):
                    seen.add(more)
                    bar.update(len(rows))
                    if pixels is not None:
                        pixels.wrote(len(rows))
            _settle(seen, files, prepare, messages)
    finally:
        cv2.setNumThreads(threads_before)
    return seen


def _chunks(images: int, size: int) -> list[range]:
    """Return the rows that a thread takes at once, of images of ``size`` bytes."""
    most = max(1, min(_CHUNK, _CHUNK_BYTES // size))
    return [range(start, min(start + most, images)) for start in range(0, images, most)]


def prepare_some(files: NamedFiles, rows: Iterable[int], prepare: Prepare) -> Seen:
    """Prepare these rows, one after the other, and keep no pixels; return what showed."""
    rows = list(rows)
    if not rows:
        return Seen()
    with native_messages() as messages:
        seen = _fill(None, files, rows, prepare, messages)
        _settle(seen, files, prepare, messages)
    return seen


def _fill(
    pixels: PixelFile | None,
    files: NamedFiles,
    rows: Iterable[int],
    prepare: Prepare,
    messages: NativeMessages,
    coming: Coming | None = None,
) -> Seen:
    """Prepare these rows, into ``pixels`` and ``coming`` if given; return what showed."""
    seen, images = Seen(), dict[int, Pixels]()

    with on_a_core:
        for row, image in _prepared(files, rows, prepare, messages, seen):
            if pixels is not None or coming is not None:
                images[row] = image
        if pixels is not None:
            pixels.write(images)

    if coming is not None and seen.bad:
        coming.end()
    if coming is not None:  # which may wait until images are asked for
        for row, image in images.items():
            coming.put(row, image)
    return seen


def _prepared(
    files: NamedFiles, rows: Iterable[int], prepare: Prepare, messages: NativeMessages, seen: Seen
) -> Iterator[tuple[int, Pixels]]:
    """Yield each of these rows that can be read with its image; note in ``seen`` what showed."""
    mark = messages.size
    for row in rows:
        try:
            image, was_found, remark = prepare.with_finding(files.path(row))
        except UnreadableImage as error:
            seen.bad[row] = str(error)
            continue
        finally:
            before, mark = mark, messages.size
            if mark != before:
                seen.suspects.append(row)

        if not was_found:
            seen.missed.append(row)
        if remark:
            seen.remarks.setdefault(remark, []).append(row)
        yield row, image


def _settle(seen: Seen, files: NamedFiles, prepare: Prepare, messages: NativeMessages) -> None:
    """Find out which decoder printed what: each suspect is decoded once more, while no other is.

    libjpeg makes up what it can't decode and only prints that it did.
    """
    for row in seen.suspects:
        mark, path = messages.size, files.path(row)
        with suppress(UnreadableImage):  # which is known
            prepare(path)
        printed = messages.since(mark)
        if row not in seen.bad and (why := damage(printed, header_of(read(path), path).kind)):
            seen.bad[row] = f"{path}: damaged, its decoder says: {why}"

    seen.missed[:] = [row for row in seen.missed if row not in seen.bad]
    for remark, rows in list(seen.remarks.items()):
        seen.remarks[remark] = [row for row in rows if row not in seen.bad]
