"""Which store serves some images: the one that is there, else the one that fits onto the disk, else none.

A store is a folder ``images-<key>``. The key is a digest of the files' names, sizes and times, of the prepare
settings and of the kind of store, so a changed file or setting never meets a stale store. It is built under
another name and renamed when complete.
"""

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dataset.files.named_files import NamedFiles
from dataset.files.pointers import refuse_pointers
from dataset.images.build_store import MANIFEST, Seen, build, prepare_all, prepare_some
from dataset.images.coming import Coming, Meanwhile, alongside
from dataset.images.compressed import CompressedStore
from dataset.images.file_bytes import UnreadableImage
from dataset.images.jpeg import encoded, recoded
from dataset.images.on_the_fly import DecodedOnTheFly
from dataset.images.prepare import Prepare
from dataset.images.store import ImageSource, ImageStore, KeptImages
from utils.durable import lock, make_folder, write_json
from utils.read_json import read_json

log = logging.getLogger("podium")
StoreKind = Literal["plain", "compressed"]  # which decides the bits of an image
_KINDS: dict[StoreKind, type[KeptImages]] = {"plain": ImageStore, "compressed": CompressedStore}
_VERSIONS: dict[StoreKind, int | str] = {"plain": 3, "compressed": "jpeg 1"}  # of format, Prepare and JPEG
_SHARE = 0.5  # of the disk's free space that a store may take where nobody set a budget
_MOST = 0.9  # of it that a store may take at all
_SAMPLE = 64  # images whose size as JPEG is measured
_MARGIN = 1.1  # more than these showed


def open_images(
    root: Path,
    files: Sequence[str],
    prepare: Prepare,
    cache: Path,
    *,
    budget: float | Literal["auto"] = "auto",
    what: str,
    kind: StoreKind | Literal["auto"] = "plain",
    meanwhile: Meanwhile | None = None,
) -> ImageSource:
    """Return the images, from a store in ``cache`` that is built first if there is none.

    Args:
        budget: the largest store in GB, ``auto``: half of what the disk has free; images that need more are
            decoded on the fly, to the same bits.
        what: which images these are, for the progress bar and the log.
        kind: of store; ``auto``: plain where that fits, else compressed where that fits.
        meanwhile: is called with the images while they are decoded for the first time, in another thread; not
            where that was done before, or where their bits are those of a compressed store.

    Raises:
        DataError: nearly all files are pointers of Git LFS.
    """
    named = files if isinstance(files, NamedFiles) else NamedFiles(root, files)
    refuse_pointers(named)
    make_folder(cache)
    kinds: tuple[StoreKind, ...] = ("plain", "compressed") if kind == "auto" else (kind,)
    tries = [_Shelf(cache, named, prepare, what, each) for each in kinds]
    free = shutil.disk_usage(cache).free
    room = free * _SHARE if budget == "auto" else min(budget * 1e9, free * _MOST)

    too_large = ""
    for shelf in tries:
        if (source := shelf.there()) is None:
            needed = shelf.needed()
            if needed > room:
                too_large += f"{' and ' if too_large else ''}{shelf.kind} {needed / 1e9:.1f} GB"
                continue
            source = shelf.built(meanwhile)
        log.info(_line(source, shelf, kind, too_large, room))
        return source

    log.warning(
        "The %s images would take %s prepared, of %.1f GB allowed (store_budget in [images], and "
        "free disk): they are decoded anew each time, which is slower.%s",
        what, too_large.removeprefix("plain ") if kind == "plain" else too_large, room / 1e9,
        "" if "compressed" in kinds else " A compressed store takes far less: [images] store = compressed.",
    )  # fmt: skip
    return tries[0].without_store(meanwhile)


def kind_of(source: ImageSource) -> StoreKind:
    """Return which kind of store decides the bits of these images."""
    compressed = isinstance(source, CompressedStore) or getattr(source, "through", None) is recoded
    return "compressed" if compressed else "plain"


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where the store of one kind of these images is, or would be."""

    cache: Path
    files: NamedFiles
    prepare: Prepare
    what: str
    kind: StoreKind

    @property
    def folder(self) -> Path:
        facts = json.dumps([_VERSIONS[self.kind], self.prepare.facts(), self.files.digest])
        return self.cache / f"images-{hashlib.sha256(facts.encode()).hexdigest()[:20]}"

    def there(self) -> KeptImages | None:
        """Return the store if it is whole and no image that it lacks can be read by now."""
        try:
            store = _KINDS[self.kind](self.folder, self.files, self.prepare)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
            return None
        still_bad = prepare_some(self.files, store.bad, self.prepare).bad
        return store if still_bad.keys() == store.bad.keys() else None

    def built(self, meanwhile: Meanwhile | None = None) -> KeptImages:
        """Return the store, which this process builds unless another one does."""
        meanwhile = meanwhile if self.kind == "plain" else None
        with lock(self.cache / f"{self.folder.name}.lock", wait=True):
            if store := self.there():  # another process has built it while we waited
                return store
            build(self.folder, self.files, self.prepare, self.what, _KINDS[self.kind].file, meanwhile)
        return _KINDS[self.kind](self.folder, self.files, self.prepare)

    def needed(self) -> float:
        """Return how many bytes the store takes; of a compressed one that is what a sample of it says."""
        plain = len(self.files) * math.prod(self.prepare.size) * 3
        if self.kind == "plain":
            return plain

        sizes = []
        for row in np.unique(np.linspace(0, len(self.files) - 1, _SAMPLE).round().astype(int)):
            try:
                sizes.append(len(encoded(self.prepare(self.files.path(int(row))))[0]))
            except UnreadableImage:  # which the build names
                continue
        return min(plain, _MARGIN * float(np.mean(sizes)) * len(self.files)) if sizes else plain

    def without_store(self, meanwhile: Meanwhile | None = None) -> ImageSource:
        """Return the images, decoded each time to the bits that this store would have."""
        through, meanwhile = (recoded, None) if self.kind == "compressed" else (None, meanwhile)
        return DecodedOnTheFly(self.files, self.prepare, self._looked_at(meanwhile), through)

    def _looked_at(self, meanwhile: Meanwhile | None) -> Seen:
        """Return what shows in these images; each is tried once and the answer kept."""
        known = self.folder.with_name(f"{self.folder.name}.seen.json")
        try:
            kept = Seen.of(read_json(known, form=MANIFEST))
        except (ValueError, LookupError, TypeError, AttributeError):  # not there, or damaged
            self._look(known, meanwhile)
            kept = Seen.of(read_json(known, form=MANIFEST))

        # Those that could not be read are tried again: what was a passing fault is forgotten.
        again = prepare_some(self.files, kept.bad, self.prepare)
        kept.bad.clear()
        kept.add(again)
        kept.missed.sort()
        return kept

    def _look(self, known: Path, meanwhile: Meanwhile | None) -> None:
        """Decode each image once, and write down what shows."""
        title, shape = f"Checking {self.what} images", (len(self.files), *self.prepare.size, 3)

        def prepared(coming: Coming | None) -> None:
            write_json(known, prepare_all(self.files, self.prepare, title, None, coming).facts())

        alongside(prepared, shape, meanwhile)


def _line(store: KeptImages, shelf: _Shelf, asked: str, too_large: str, room: float) -> str:
    """Return what the log says of a store: how large it is, how good, and why it is of this kind."""
    if isinstance(store, CompressedStore):
        lowest, mean = store.decibels
        what = f"JPEG of the prepared size, at least {lowest:.1f} dB and {mean:.1f} dB on average"
    else:
        what = "plain pixels"
    why = f" [images] store = {asked}"
    if too_large:
        why = f"{too_large} would not fit into the {room / 1e9:.1f} GB allowed (store_budget, free disk)"
    elif asked == "auto":
        why = "there is room for it"
    return f"The {shelf.what} images are kept in {shelf.folder}: {_size(store.size)}, {what}; {why.strip()}."


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
