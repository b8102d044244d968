"""The model compiled by PyTorch."""

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException
from torch.nn import functional

from inference.engine import ENGINES, Engine
from utils.errors import ConfigError


@ENGINES.register
class Compile(Engine):
    """``torch.compile``, for one size of batch: a smaller one is filled up, not compiled for again."""

    def __init__(self, *, model: nn.Module, batch_size: int) -> None:
        super().__init__()
        self.compiled, self.batch_size = torch.compile(model, dynamic=False), batch_size

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        parts = [self._part(part) for part in images.split(self.batch_size)]
        return {space: torch.cat([part[space] for part in parts]) for space in parts[0]}

    def _part(self, images: Tensor) -> dict[str, Tensor]:
        count = len(images)
        filled = functional.pad(images, (0,) * 7 + (self.batch_size - count,))
        filled = filled.contiguous(memory_format=torch.channels_last)
        try:
            logits: dict[str, Tensor] = self.compiled(filled)
        except TorchDynamoException as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConfigError(
                f"[infer] engine = compile: the model can't be compiled here: {reason}\nOn a CPU it needs a "
                "C++ compiler: install g++, or name one in the environment variable CXX. engine = eager "
                "needs none."
            ) from error
        return {space: values[:count] for space, values in logits.items()}
