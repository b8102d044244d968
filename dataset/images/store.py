"""Prepared images on disk: each is decoded once, then every epoch and every run reads plain bytes.

A store is a folder ``images-<key>`` with the pixels, uint8 (N, H, W, 3), a checksum of each image, and a
manifest. The key is a digest of the files' names, sizes and times and of the prepare settings, so a changed
file or setting never meets a stale store. It is built under another name and renamed when complete.
"""

import hashlib
import json
import logging
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.croppers.base import Cropper, Pixels
from dataset.files.named_files import NamedFiles
from dataset.files.pointers import refuse_pointers
from dataset.images.build_store import MANIFEST, SUMS, Seen, build, cores, prepare_all, prepare_some
from dataset.images.decode import UnreadableImage
from dataset.images.prepare import Prepare
from utils.durable import lock, make_folder, remove, sha256_of, write_json
from utils.errors import DataError, WriteFailed
from utils.read_json import read_json

log = logging.getLogger("podium")
_VERSION = 3  # of the file format and of everything that Prepare does
_MUCH = 2**26  # bytes that are checked at once by one core


class ImageSource(Protocol):
    """Prepared images by row number."""

    bad: dict[int, str]  # rows that could not be read, and why
    missed: list[int]  # rows in which the cropper found nothing
    remarks: dict[str, list[int]]  # what is to be said of how files were read, and rows

    def __len__(self) -> int: ...

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """Return uint8 (N, 3, H, W) in channels-last memory, on whatever device the images are."""
        ...


class ImageStore:
    """A memory map of prepared images; opening it reads nothing of them.

    An image is held against its checksum when it is first read in a process. One that the disk has changed is
    decoded anew, so it never reaches a model, and the whole store is when it is next opened.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, OSError: it is damaged, or not of these images.
    """

    def __init__(self, folder: Path, files: NamedFiles, prepare: Prepare) -> None:
        manifest = read_json(folder / "manifest.json", form=MANIFEST)
        seen = Seen.of(manifest)
        self.bad, self.missed, self.remarks = seen.bad, seen.missed, seen.remarks
        shape = (len(files), *prepare.size, 3)
        if tuple(manifest["shape"]) != shape or sha256_of(folder / "sums.u4") != manifest["sums"]:
            raise ValueError(f"{folder} is not what was written")
        self.pixels = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=shape)
        self._sums = np.fromfile(folder / "sums.u4", SUMS)
        self._right = np.zeros(len(files), bool)  # those that were checked
        self._folder, self._files, self._prepare = folder, files, prepare

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.images(rows)).permute(0, 3, 1, 2)

    def images(self, rows: NDArray[np.int64]) -> Pixels:
        """Return uint8 (N, H, W, 3)."""
        images: Pixels = np.take(self.pixels, rows, axis=0)
        places = np.flatnonzero(~self._right[rows])
        right = np.array(_checksums(images, places.tolist()), SUMS) == self._sums[rows[places]]
        self._right[rows[places[right]]] = True
        for place in places[~right]:
            images[place] = self._decoded(int(rows[place]))
        return images

    def _decoded(self, row: int) -> Pixels:
        """Return an image from its own file, and let nobody open this store again."""
        path = self._files.path(row)
        log.warning("%s is damaged where %s is: decoded anew.", self._folder / "pixels.u8", path)
        with suppress(WriteFailed):
            remove(self._folder / "manifest.json")
        try:
            return self._prepare(path)
        except UnreadableImage as error:
            raise DataError(f"{error}. Mend or remove it, then run again.") from None


def _checksums(images: Pixels, places: Sequence[int]) -> list[int]:
    """Return the CRC-32 of some of these images; where there are many, all cores look."""
    pixels, size = images.data.cast("B"), images.nbytes // max(1, len(images))
    parts = [pixels[place * size : (place + 1) * size] for place in places]
    if len(parts) * size < _MUCH:
        return list(map(zlib.crc32, parts))
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(zlib.crc32, parts))


class DecodedOnTheFly:
    """The same images without a store: decoded again each time, by all cores."""

    def __init__(self, files: NamedFiles, prepare: Prepare, seen: Seen) -> None:
        self.bad, self.missed, self.remarks = seen.bad, seen.missed, seen.remarks
        self._files = files
        self._prepare = prepare
        self._threads = ThreadPoolExecutor(cores())

    def __len__(self) -> int:
        return len(self._files)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        try:
            images = list(self._threads.map(self._prepare, [self._files.path(row) for row in rows]))
        except UnreadableImage as error:
            raise DataError(f"{error}. Mend or remove it, then run again.") from None
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def open_images(
    root: Path, files: Sequence[str], prepare: Prepare, cache: Path, *, budget: float, what: str
) -> ImageSource:
    """Return the images, from a store in ``cache`` that is built first if there is none.

    Args:
        budget: the largest store in GB; images that need more are decoded on the fly.
        what: which images these are, for the progress bar.

    Raises:
        DataError: nearly all files are pointers of Git LFS.
    """
    named = files if isinstance(files, NamedFiles) else NamedFiles(root, files)
    refuse_pointers(named)
    needed = len(files) * prepare.size[0] * prepare.size[1] * 3
    make_folder(cache)
    folder = cache / f"images-{_key(named, prepare)}"
    if store := _opened(folder, named, prepare):
        return store
    room = min(budget * 1e9, shutil.disk_usage(cache).free * 0.9)
    if needed > room:
        log.warning(
            "The %s images would take %.1f GB prepared, of %.1f GB allowed (store_budget in [images], and "
            "free disk): they are decoded anew each time, which is slower.",
            what, needed / 1e9, room / 1e9,
        )  # fmt: skip
        return DecodedOnTheFly(named, prepare, _looked_at(folder, named, prepare, what))
    with lock(cache / f"{folder.name}.lock", wait=True):
        if store := _opened(folder, named, prepare):  # another process has built it while we waited
            return store
        build(folder, named, prepare, what)
    return ImageStore(folder, named, prepare)


def _opened(folder: Path, files: NamedFiles, prepare: Prepare) -> ImageStore | None:
    """Return the store if it is whole and no image that it lacks can be read by now."""
    try:
        store = ImageStore(folder, files, prepare)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
        return None
    still_bad = prepare_some(files, store.bad, prepare).bad
    return store if still_bad.keys() == store.bad.keys() else None


def raise_bad(source: ImageSource, instead: str = "") -> None:
    """Raise a DataError that lists every image that could not be read, if there are any.

    Args:
        instead: what may be done but to mend them.
    """
    if source.bad:
        shown = list(source.bad.values())[:30]
        more = f"\n  ... and {len(source.bad) - 30} more" if len(source.bad) > 30 else ""
        raise DataError(
            f"{len(source.bad)} image(s) can't be read:\n  - " + "\n  - ".join(shown) + more + instead
        )


def missed_line(source: ImageSource, cropper: Cropper, what: str) -> str:
    """Return a line for the log on the images in which the cropper found nothing; "" if there are none."""
    if not source.missed:
        return ""
    count = f"{len(source.missed):,} of {len(source):,} {what} images"
    return f"No {cropper.seeks} found in {count}: {cropper.instead}."


def _key(files: NamedFiles, prepare: Prepare) -> str:
    facts = json.dumps([_VERSION, prepare.facts(), files.digest])
    return hashlib.sha256(facts.encode()).hexdigest()[:20]


def _looked_at(folder: Path, files: NamedFiles, prepare: Prepare, what: str) -> Seen:
    """Return what shows in these images; each is tried once and the answer kept."""
    known = folder.with_name(f"{folder.name}.seen.json")
    try:
        kept = Seen.of(read_json(known, form=MANIFEST))
    except (ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
        write_json(known, prepare_all(files, prepare, f"Checking {what} images", None).facts())
        kept = Seen.of(read_json(known, form=MANIFEST))
    # Those that could not be read are tried again: what was a passing fault is forgotten.
    again = prepare_some(files, kept.bad, prepare)
    kept.bad.clear()
    kept.add(again)
    kept.missed.sort()
    return kept
