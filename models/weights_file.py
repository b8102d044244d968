"""A file of weights, whoever wrote it: its tensors, or what it is instead and what to do about that.

What a file is says its content, never the end of its name. Nothing in a file is run: of a pickle only tensors
and plain values are read.
"""

import argparse
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path, PosixPath, PurePosixPath
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.weights_shards import shards_of
from utils.errors import ConfigError

Tensors = dict[str, Tensor]
_DEEPEST = 4  # levels of dicts in dicts
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_SAVE = "Save the model's weights alone, by torch.save(model.state_dict(), 'weights.pth'), and name that file"
_AGAIN = "Download or copy it again"
_UNSAFE = "reading that could run any code, so it is not read"
_LFS = b"version https://git-lfs"
# Plain values that checkpoints often have beside the weights; making one runs nothing.
_PLAIN: list[Any] = [
    argparse.Namespace, date, datetime, PosixPath, PurePosixPath, set,
    np.dtype, np.ndarray, np._core.multiarray.scalar, np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
    (np._core.multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),  # type: ignore[attr-defined]
    *(cls for cls in vars(np.dtypes).values() if isinstance(cls, type) and cls is not np.dtypes.ObjectDType),
]  # fmt: skip
_KINDS = (  # how files begin that are no weights of torch, and what they are
    (b"\x89HDF", "an HDF5 file, such as Keras writes"),
    (b"\x1f\x8b", "packed by gzip: unpack it, and name the file of weights in it"),
    (b"7z\xbc\xaf", "packed by 7-Zip: unpack it, and name the file of weights in it"),
    (b"Rar!", "packed by RAR: unpack it, and name the file of weights in it"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF file, of quantised weights"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF"),
    (b"TFL3", "a TensorFlow Lite file"),
)


def read_weights(path: Path) -> dict[str, Tensors]:
    """Return every group of tensors in a file by the keys that lead to it, such as ``state_dict``.

    Raises:
        ConfigError: it holds no tensors or can't be read; says what it is and what to do.
    """
    try:
        _check_there(path)
        shards = shards_of(path)
        content = _content(path) if shards == [path] else _joined(shards)
    except OSError as error:
        raise _refusal(path, f"can't be read: {error.strerror or error}") from None
    groups = dict(_groups(content, ()))
    if not groups:
        raise _refusal(path, f"holds no tensors, but {_in_words(content)}. {_SAVE}")
    return groups


def _content(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(600)
    return _read(path, head)


def _joined(shards: Sequence[Path]) -> Tensors:
    """Return the tensors of all shards."""
    return {name: tensor for shard in shards for name, tensor in _content(shard).items()}


def _refusal(path: Path, what: str) -> ConfigError:
    return ConfigError(f"[model] pretrained = {path}: the file {what}.")


def _check_there(path: Path) -> None:
    """Raise a ConfigError unless this is a file with something in it."""
    if path.is_dir():
        inside = sorted(name.name for name in path.iterdir() if name.suffix in _SUFFIXES)
        inside.sort(key=lambda name: not name.startswith("model"))  # before an optimiser's
        hint = (
            f"name a file in it, such as {path / inside[0]}" if inside else "there is no weights file in it"
        )
        raise ConfigError(f"[model] pretrained = {path}: this is a folder and no finished run; {hint}.")

    if str(path).startswith(("http:/", "https:/", "s3:/", "gs:/")):
        raise ConfigError(f"[model] pretrained = {path}: this is an address: download it, and name the file.")

    if path.is_symlink() and not path.exists():
        raise ConfigError(f"[model] pretrained = {path} is a link to {path.readlink()}, which is not there.")
    if not path.exists():
        raise ConfigError(f"[model] pretrained = {path}: there is no such file.")
    if not path.is_file():
        raise ConfigError(f"[model] pretrained = {path}: this is no ordinary file.")
    if path.stat().st_size == 0:
        raise _refusal(path, f"is empty. {_AGAIN}")


def _read(path: Path, head: bytes) -> Any:
    """Return what the file holds; ``head`` is how it begins."""
    if _is_safetensors(head):
        try:
            return load_file(path)
        except SafetensorError as error:
            raise _refusal(
                path, f"is a damaged .safetensors file, as if cut off ({error}). {_AGAIN}"
            ) from None

    if (kind := _other_kind(path, head)) is not None:
        raise _refusal(path, kind)

    try:
        # By its name torch would guess what a file is; and it warns of pickles that it goes on to refuse.
        with torch.serialization.safe_globals(_PLAIN), path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise _refusal(path, _unreadable(path, head)) from None
    except Exception as error:  # each damage has an error of its own, of torch's C++, of zip, of pickle
        what = f"can't be read as weights of torch ({type(error).__name__}: {_first_line(error)})"
        raise _refusal(path, f"{what}; it may be cut off or of another kind. {_AGAIN}") from error


def _is_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < 100 << 20


def _other_kind(path: Path, head: bytes) -> str | None:
    """Return what a file is that is surely not one of torch's, None if it may be one."""
    if head.startswith(_LFS):
        return "is a pointer of Git LFS, not the weights: get them with 'git lfs pull' in its repository"
    if head.lstrip()[:1] == b"<":
        return f"is a web page, not weights. {_AGAIN}, from the link that gives the file itself"

    for magic, what in _KINDS:
        if head.startswith(magic):
            return f"is {what}. It takes .safetensors or torch's .pth. {_SAVE}"
    if head.startswith(b"PK"):
        return _zip_kind(path)

    if path.suffix.lower() == ".onnx":
        return f"is an ONNX file, a program and not only weights. {_SAVE}"
    if path.suffix.lower() == ".safetensors" and head[:2] not in (b"\x80\x02", b"\x80\x04"):
        return f"is no .safetensors file, whatever its name, or its beginning is damaged. {_AGAIN}"
    if _is_text(head) and not _is_tar(path):
        return f"is a text ({head[:40].decode('utf-8', 'replace').strip()!r} ...), not weights. {_AGAIN}"

    if not head.strip(b"\0"):
        return f"is full of zeros: its download or copy was broken off. {_AGAIN}"
    return None


def _zip_kind(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return f"is cut off or damaged: its end is not there. {_AGAIN}"

    leaves = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in leaves:
        if any("/code/" in name for name in names):
            return f"is a TorchScript program, not only weights. {_SAVE}"
        return None

    if names and all(name.endswith(".npy") for name in names):
        return f"is a NumPy archive (.npz), not weights of torch. {_SAVE}"
    if leaves & {"model.weights.h5", "saved_model.pb"}:
        return f"is a model of Keras, not weights of torch. {_SAVE}"

    inside = next((name for name in names if name.endswith(_SUFFIXES)), None)
    hint = f"Unpack it, and name {inside!r}" if inside else _SAVE
    return f"is a zip archive ({', '.join(names[:3]) or 'with nothing in it'}), not weights. {hint}"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)


def _is_tar(path: Path) -> bool:
    return tarfile.is_tarfile(path)  # torch's first format


def _unreadable(path: Path, head: bytes) -> str:
    """Return what a pickle is that holds more than tensors and plain values, or no pickle at all."""
    try:
        names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # no archive of torch's, or damaged: then nothing is known of its objects
        names = []
    plain = {f"{cls.__module__}.{cls.__qualname__}" for cls in _PLAIN if isinstance(cls, type)}
    names = [name for name in names if name not in plain]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        whole = any(name.startswith(("torch.nn.modules", "timm.", "torchvision.")) for name in names)
        what = "a whole pickled model" if whole else "objects of a program beside the weights"
        return f"holds {what} ({shown}); {_UNSAFE}. {_SAVE}"
    if head[:1] == b"\x80":
        return f"is a pickle, but not of torch's weights; {_UNSAFE}. {_SAVE}"
    return f"is no file of weights that is known here (.safetensors or torch's .pth). {_SAVE}"


def _groups(content: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, Tensors]]:
    """Yield each dict inside ``content`` that has tensors under names, by the keys that lead to it."""
    if len(keys) > _DEEPEST or not isinstance(content, Mapping | Sequence) or isinstance(content, str):
        return
    items = list(content.items() if isinstance(content, Mapping) else enumerate(content[:8]))

    tensors = {
        key: _dense(value) if isinstance(value, Tensor) else torch.from_numpy(value)
        for key, value in items
        if isinstance(key, str) and _is_weight(value)
    }
    if tensors:
        yield ".".join(keys), tensors
    for key, value in items:
        if not _is_weight(value):
            yield from _groups(value, (*keys, str(key)))


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _is_weight(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_meta  # which has a shape and no numbers
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _in_words(content: Any) -> str:
    if isinstance(content, Mapping):
        names = ", ".join(repr(str(key)) for key in list(content)[:5])
        return f"these keys: {names}{', ...' if len(content) > 5 else ''}" if content else "an empty dict"
    if isinstance(content, Tensor):
        return f"one tensor of shape {tuple(content.shape)} without a name"
    return f"one value of type {type(content).__name__}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120]
