"""Prepared images that are read from the disk once, into memory or onto the device that trains."""

import logging
from typing import Literal
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.images.open_images import StoreKind
from dataset.images.store import ImageSource, ImageStore
from utils.device import free_memory
from utils.errors import ConfigError

log = logging.getLogger("podium")
Where = Literal["auto", "plain", "disk", "memory", "device", "compressed"]
_PIECE = 1024  # images that are copied at once
_SHARE = 0.3  # of a device's free memory that auto gives to images: the model needs the rest


def kind_for(where: Where) -> StoreKind | Literal["auto"]:
    """Return which kind of store ``[images] store`` asks for, which decides the bits of the images."""
    if where == "auto" or where == "compressed":
        return where
    return "plain"


class ResidentStore:
    """A store as one tensor: its batches are where it is, so a GPU never waits for them."""

    def __init__(self, store: ImageStore, device: torch.device) -> None:
        self.bad, self.missed, self.remarks = store.bad, store.missed, store.remarks
        self._pixels = torch.empty(store.pixels.shape, dtype=torch.uint8, device=device)
        for first in range(0, len(store), _PIECE):
            rows = slice(first, first + _PIECE)
            self._pixels[rows] = torch.from_numpy(store.images(np.arange(len(store))[rows]))

    def __len__(self) -> int:
        return len(self._pixels)

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        index = torch.from_numpy(np.ascontiguousarray(rows)).to(self._pixels.device, non_blocking=True)
        return self._pixels.index_select(0, index).permute(0, 3, 1, 2)


_loaded: WeakValueDictionary[tuple[str, str], ResidentStore] = WeakValueDictionary()  # by file and device


def load_onto(source: ImageSource, where: Where, device: torch.device, what: str) -> ImageSource:
    """Return the same images where ``[images] store`` wants them; those without a store stay as they are.

    ``disk`` is a map that all processes share; ``plain`` is ``device`` on a GPU that has room, else ``disk``,
    and so is ``auto`` of plain pixels; a compressed store stays on the disk.
    What is there already is not copied again.

    Args:
        device: that the model is on.
        what: which images these are, for messages.

    Raises:
        ConfigError: they don't fit onto the device.
    """
    if not isinstance(source, ImageStore) or where == "disk":
        return source

    if where == "memory":
        device = torch.device("cpu")
    key = str(source.pixels.filename), str(device)
    there = _loaded.get(key)  # folds share one table of images, and must not copy it once for each
    if there is not None and there.bad == source.bad:
        return there

    needed, free = source.pixels.nbytes, free_memory(device)
    if where in ("auto", "plain") and (free is None or needed > _SHARE * free):
        return source

    if where == "device" and free is not None and needed > free:
        raise ConfigError(
            f"[images] store = device: the {what} images take {needed / 1e9:.1f} GB and {device} has "
            f"{free / 1e9:.1f} GB left: write plain, memory or disk."
        )

    if where != "memory":
        log.info("The %s images (%.1f GB) are on %s.", what, needed / 1e9, device)
    _loaded[key] = loaded = ResidentStore(source, device)
    return loaded
