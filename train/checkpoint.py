"""Checkpoints that are whole or not there: tensors in safetensors, the rest in JSON, no pickle anywhere.

A checkpoint named ``last`` at step 120 is two files: ``last-0000120.safetensors``, and then
``last-0000120.json`` with everything that is no tensor, the size and SHA-256 of the first file, and a
digest of itself. It is valid when those hold. The two newest of a name are kept; older ones go only
after the newest has been read back.
"""

import json
import logging
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from utils.durable import (
    digest_of,
    make_folder,
    remove,
    remove_leftovers,
    sha256_of,
    write_durably,
    write_json,
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


def save(folder: Path, name: str, step: int, values: dict[str, Any]) -> None:
    """Write ``values`` (nested dicts, lists, tensors, plain values) as generation ``step`` of ``name``.

    Raises:
        Diverged: a number is NaN or infinity: nothing is written.
    """
    tensors: dict[str, Tensor] = {}
    plain = _take_out(values, tensors)
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise Diverged(f"{key} holds numbers that are not finite: no checkpoint is written.")
    make_folder(folder)
    stem = _free_stem(folder, f"{name}-{step:07d}")
    data = folder / f"{stem}.safetensors"
    write_durably(data, lambda path: _write_tensors(tensors, path))
    write_json(folder / f"{stem}.json", {"values": plain, "file": _facts(data)})
    try:
        _read(folder, stem)
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


def _read(folder: Path, stem: str) -> dict[str, Any]:
    try:
        body = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        digest = body.pop("digest")
        data = folder / f"{stem}.safetensors"
        if digest != digest_of(body):
            raise BadCheckpoint(f"{stem}.json does not match its digest")
        if body["file"] != _facts(data):
            raise BadCheckpoint(f"{data.name} does not match its manifest")
        values = _put_back(body["values"], load_file(data))
    except _UNREADABLE as error:
        raise BadCheckpoint(str(error) or type(error).__name__) from error
    if not isinstance(values, dict):
        raise BadCheckpoint(f"{stem}.json holds no values by name")
    return values


def _write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # which hides the system's own error in its text
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _facts(path: Path) -> dict[str, Any]:
    return {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)}


def _take_out(value: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """Return ``value`` as JSON, its tensors replaced by marks and put into ``tensors``.

    A dict becomes a list of [key, value] pairs, because JSON would turn the optimiser's integer keys
    into text. The number in a tensor's name keeps keys apart that look alike, such as 1 and "1".
    """
    if isinstance(value, Tensor):
        # A copy: safetensors refuses two tensors in one piece of memory, as tied weights are.
        name = f"{len(tensors)}{path}"
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
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
