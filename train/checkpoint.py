"""Checkpoints that are whole or not there: tensors in safetensors, the rest in JSON, no pickle anywhere.

A checkpoint named ``last`` at step 120 is two files: ``last-0000120.safetensors``, and then
``last-0000120.json`` with everything that is no tensor, the size and SHA-256 of the first file, and a
digest of itself. It is valid when those hold. The two newest of a name are kept; older ones go only
after the newest has been read back.
"""

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from train.tensors_file import copies_of, pieces_of
from utils.durable import (
    digest_of,
    make_folder,
    remove,
    remove_leftovers,
    sha256_of,
    write_json,
    write_pieces,
)
from utils.errors import Diverged, WriteFailed

_KEPT = 2  # generations
# What reading a file raises that something else wrote, or nothing whole.
_UNREADABLE = (
    OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError, SafetensorError,
)  # fmt: skip
log = logging.getLogger("podium")


class BadCheckpoint(ValueError):
    """A checkpoint's files are damaged or incomplete."""


class Snapshot:
    """What a checkpoint holds: nested dicts, lists, tensors, plain values.

    Args:
        copied: the tensors as they are now, on the CPU, whatever training makes of them meanwhile.

    Raises:
        Diverged: a number is NaN or infinity.
    """

    def __init__(self, values: dict[str, Any], *, copied: bool = False) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.plain = _take_out(values, self.tensors)
        if (key := _not_finite(self.tensors)) is not None:
            raise Diverged(f"{key} holds numbers that are not finite: no checkpoint is written.")
        if copied:
            self.tensors = copies_of(self.tensors)


def save(folder: Path, name: str, step: int, values: dict[str, Any]) -> None:
    """Write values as generation ``step`` of ``name``.

    Raises:
        Diverged: a number is NaN or infinity: nothing is written.
    """
    write(folder, name, step, Snapshot(values))


def write(folder: Path, name: str, step: int, snapshot: Snapshot) -> None:
    """Write a snapshot as generation ``step`` of ``name``; it is on the disk when this returns."""
    make_folder(folder)
    stem = _free_stem(folder, f"{name}-{step:07d}")
    data = folder / f"{stem}.safetensors"
    size, sha256 = write_pieces(data, lambda: pieces_of(snapshot.tensors))
    facts = {"name": data.name, "size": size, "sha256": sha256}
    write_json(
        folder / f"{stem}.json", {"values": snapshot.plain, "file": facts}
    )  # last: it says that all is there

    try:
        _verified(folder, stem)
    except BadCheckpoint as error:  # older ones stay
        raise WriteFailed(f"{data} does not read as it was written ({error}): the disk may fail.") from None
    _tidy(folder, name, stem)


def load(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the newest valid generation of ``name`` with its tensors on the CPU, or None.

    A damaged generation is reported in the log and the one before it is taken.
    """
    return next(generations(folder, name), None)


def generations(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the valid generations of ``name``, newest first; each damaged one is reported in the log."""
    for stem in _stems(folder, name):
        try:
            values = _read(folder, stem)
        except BadCheckpoint as error:
            log.warning("Checkpoint %s is damaged (%s): trying the one before.", folder / stem, error)
        else:
            yield values


def was_saved(folder: Path, name: str) -> bool:
    """Tell whether a generation of ``name`` was ever complete, damaged or not."""
    return bool(_stems(folder, name))


def newest(folder: Path, name: str) -> Path | None:
    """Return the file with the tensors of the newest valid generation of ``name``, or None."""
    for stem in _stems(folder, name):
        try:
            _read(folder, stem)
        except BadCheckpoint:
            continue
        return folder / f"{stem}.safetensors"
    return None


def _free_stem(folder: Path, stem: str) -> str:
    """Return ``stem``, or one that sorts after it where that generation is whole: it stays meanwhile."""
    try:
        _read(folder, stem)
    except BadCheckpoint:
        return stem
    return _free_stem(folder, f"{stem}+")


def _tidy(folder: Path, name: str, newest: str) -> None:
    """Remove what is older than the kept generations, and what killed processes left half written."""
    remove_leftovers(folder)
    older = [stem for stem in _stems(folder, name) if stem < newest]
    for path in sorted(folder.glob(f"{name}-*")):  # a manifest goes before its tensors
        if path.stem < newest and path.stem not in older[: _KEPT - 1]:
            remove(path)


def _stems(folder: Path, name: str) -> list[str]:
    """Return the generations of ``name``, newest first."""
    return sorted((path.stem for path in folder.glob(f"{name}-*.json")), reverse=True)


def _verified(folder: Path, stem: str) -> Any:
    """Return the values of a generation with marks for its tensors, if both its files are as written."""
    try:
        body = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        digest = body.pop("digest")
        data = folder / f"{stem}.safetensors"
        if digest != digest_of(body):
            raise BadCheckpoint(f"{stem}.json does not match its digest")
        if body["file"] != _facts(data):
            raise BadCheckpoint(f"{data.name} does not match its manifest")
        return body["values"]
    except _UNREADABLE as error:
        raise BadCheckpoint(str(error) or type(error).__name__) from error


def _read(folder: Path, stem: str) -> dict[str, Any]:
    marked = _verified(folder, stem)
    try:
        values = _put_back(marked, load_file(folder / f"{stem}.safetensors"))
    except _UNREADABLE as error:
        raise BadCheckpoint(str(error) or type(error).__name__) from error
    if not isinstance(values, dict):
        raise BadCheckpoint(f"{stem}.json holds no values by name")
    return values


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of a tensor with NaN or infinity in it; a device is asked once for all that it has."""
    groups: defaultdict[tuple[torch.device, torch.dtype], list[str]] = defaultdict(list)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel():
            groups[tensor.device, tensor.dtype].append(name)

    for names in groups.values():
        largest = torch._foreach_norm([tensors[name] for name in names], math.inf)
        finite = torch.stack(largest).isfinite().tolist()
        if not all(finite):
            return names[finite.index(False)]
    return None


def _facts(path: Path) -> dict[str, Any]:
    return {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)}


def _take_out(value: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """Return ``value`` as JSON, its tensors replaced by marks and put into ``tensors``.

    A dict becomes a list of [key, value] pairs, because JSON would turn the optimiser's integer keys
    into text. The number in a tensor's name keeps keys apart that look alike, such as 1 and "1".
    """
    if isinstance(value, Tensor):
        name = f"{len(tensors)}{path}"
        tensors[name] = value.detach()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"pairs": [[key, _take_out(item, tensors, f"{path}/{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_take_out(item, tensors, f"{path}/{i}") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise Diverged(f"{path} is {value}: no checkpoint is written.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint can't hold {type(value).__name__} at {path}")


def _put_back(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict) and "tensor" in value:
        return tensors[value["tensor"]]
    if isinstance(value, dict):
        return {key: _put_back(item, tensors) for key, item in value["pairs"]}
    if isinstance(value, list):
        return [_put_back(item, tensors) for item in value]
    return value
