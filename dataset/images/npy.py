"""Images that NumPy saved as an array: what the header says, and the pixels."""

import ast
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

NPY = "NumPy array"
START = b"\x93NUMPY"
_BITS = {"|u1": 8, "u1": 8, "|b1": 8, "<u2": 16, ">u2": 16}
_COLOURS = (1, 3, 4)
_SAVE = "save it as uint8 or uint16"


def npy_facts(head: memoryview) -> tuple[int, int, int, int, str]:
    """Return height, width, bits, colours of an array's header, and why it is not read, or "".

    Raises:
        ValueError: the header is cut off, or impossible.
    """
    shape, kind, _, _ = _parsed(head)
    layout = _layout(shape)
    if kind not in _BITS:
        why = f"a {NPY} of {_called(kind)}, which don't say what is black and what white: {_SAVE}"
        return 1, 1, 8, 3, why
    if layout is None:
        size = " x ".join(map(str, shape))
        return 1, 1, 8, 3, f"a {NPY} of {size} values, which is not (H, W), (H, W, 3) or (3, H, W)"

    height, width, colours, _ = layout
    return height, width, _BITS[kind], colours, ""


def npy_pixels(data: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the pixels of a file (N bytes) whose header is right, RGB uint8 or uint16 (H, W, 3).

    Raises:
        ValueError: it is cut off.
    """
    shape, kind, fortran, start = _parsed(data.data)
    layout = _layout(shape)
    if layout is None:
        raise ValueError(f"it has {len(shape)} axes")
    count, dtype = int(np.prod(shape)), np.dtype(kind)
    body = data.data[start:]
    if len(body) < count * dtype.itemsize:
        raise ValueError(f"it is cut off: {len(body):,} of {count * dtype.itemsize:,} bytes are there")

    values = np.frombuffer(body, dtype, count).reshape(shape, order="F" if fortran else "C")
    if dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if layout[3]:  # colours first
        values = np.moveaxis(values, 0, -1)
    image = values[..., None] if values.ndim == 2 else values[..., :3]
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    return np.ascontiguousarray(image, dtype=np.uint16 if dtype.itemsize == 2 else np.uint8)


def _parsed(head: memoryview) -> tuple[tuple[int, ...], str, bool, int]:
    """Return shape, kind of number, whether columns go first, and where the values begin.

    Source of the format: numpy.lib.format, versions 1 to 3.
    """
    try:
        wide = head[6] > 1
        (length,) = struct.unpack_from("<I" if wide else "<H", head, 8)
        begin = 12 if wide else 10
        facts = ast.literal_eval(bytes(head[begin : begin + length]).decode("utf-8"))
        shape, kind = tuple(facts["shape"]), str(facts["descr"])
        if not all(isinstance(side, int) and side > 0 for side in shape):
            raise ValueError("its shape is impossible")
        return shape, kind, bool(facts["fortran_order"]), begin + length
    except (struct.error, IndexError, KeyError, TypeError, SyntaxError, UnicodeDecodeError):
        raise ValueError("its header is cut off or impossible") from None


def _layout(shape: tuple[int, ...]) -> tuple[int, int, int, bool] | None:
    """Return height, width, colours, and whether these are the first axis; None: it is no image."""
    if len(shape) == 2:
        return shape[0], shape[1], 1, False
    if len(shape) != 3:
        return None
    if shape[2] in _COLOURS:
        return *shape, False
    return (shape[1], shape[2], shape[0], True) if shape[0] in _COLOURS else None


def _called(kind: str) -> str:
    """Return the numbers of a kind in words."""
    if kind.lstrip("<>|=")[:1] in ("f", "i", "u", "c"):
        return f"{np.dtype(kind).name} numbers"
    return f"{kind} values"
