"""The bytes of a safetensors file, piece by piece, straight from where the tensors lie.

The library's own writer wants all tensors copied, none of them in memory that another one has, and only a
second look at the file gives its digest. Format: https://huggingface.co/docs/safetensors#format
"""

import json
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

_TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
    torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64", torch.bool: "BOOL",
    torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
_ALIGNED = 8  # bytes: where the first tensor's own begin


def copies_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies on the CPU, strides and all; a GPU is waited for once."""
    copies = {}
    for name, tensor in tensors.items():
        on_gpu = tensor.device.type == "cuda"  # whose copies are fast into memory that stays where it is
        copies[name] = torch.empty_like(tensor, device="cpu", pin_memory=on_gpu)
        copies[name].copy_(tensor, non_blocking=True)
    for device in {tensor.device for tensor in tensors.values() if tensor.device.type == "cuda"}:
        torch.cuda.synchronize(device)
    return copies


def pieces_of(tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    """Yield the pieces of a file with these tensors; at most one of them is copied at a time.

    Raises:
        TypeError: the format has no name for a tensor's type.
    """
    # The widest numbers first, so that each tensor begins at a multiple of its numbers' width.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header, end = {}, 0
    for name in names:
        tensor = tensors[name]
        if tensor.dtype not in _TYPES:
            raise TypeError(f"a checkpoint can't hold {tensor.dtype} at {name}")
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end],
        }  # fmt: skip

    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    yield memoryview(len(text).to_bytes(8, "little") + text)
    for name in names:
        if tensors[name].numel():
            yield _bytes_of(tensors[name])


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format).reshape(-1)
    return flat.view(torch.uint8).numpy().data
