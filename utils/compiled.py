"""Models compiled by PyTorch, where the machine can."""

from typing import Any

import torch
from torch import nn

from utils.errors import ConfigError


class Compiled:
    """Calls a model compiled by ``torch.compile``; the first call, and one with another size, compiles.

    Args:
        setting: how the config asks for it, for the message.
        dynamic: as in ``torch.compile``: False compiles for each size anew.
    """

    def __init__(self, model: nn.Module, setting: str, *, dynamic: bool | None = None) -> None:
        self._call, self._setting = torch.compile(model, dynamic=dynamic), setting

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """Return what the model returns.

        Raises:
            ConfigError: it can't be compiled on this machine.
        """
        try:
            return self._call(*inputs)
        except Exception as error:
            from torch._dynamo.exc import TorchDynamoException  # a second of imports that most runs can spare

            if not isinstance(error, TorchDynamoException):
                raise
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConfigError(
                f"{self._setting}: the model can't be compiled here: {reason}\nOn a CPU it needs a C++ "
                "compiler: install g++, or name one in the environment variable CXX, or do without."
            ) from error
