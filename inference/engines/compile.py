"""The model compiled by PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.engines.base import ENGINES, Engine
from utils.compiled import Compiled


@ENGINES.register
class Compile(Engine):
    """``torch.compile``, for one size of batch: a smaller one is filled up, not compiled for again."""

    def __init__(self, *, model: nn.Module, batch_size: int) -> None:
        super().__init__()
        self.model, self.batch_size = model, batch_size  # the model goes to eval mode with this
        self.compiled = Compiled(model, "[infer] engine = compile", dynamic=False)

    def forward(self, images: Tensor, *table: Tensor) -> dict[str, Tensor]:
        starts = range(0, len(images), self.batch_size)
        cut = ([values[start : start + self.batch_size] for values in (images, *table)] for start in starts)
        parts = [self._part(*inputs) for inputs in cut]
        return {space: torch.cat([part[space] for part in parts]) for space in parts[0]}

    def _part(self, images: Tensor, *table: Tensor) -> dict[str, Tensor]:
        count, missing = len(images), self.batch_size - len(images)
        filled = functional.pad(images, (0,) * 7 + (missing,))
        filled = filled.contiguous(memory_format=torch.channels_last)
        beside = [functional.pad(values, (0, 0, 0, missing)) for values in table]
        logits: dict[str, Tensor] = self.compiled(filled, *beside)
        return {space: values[:count] for space, values in logits.items()}
