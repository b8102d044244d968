"""Compiling where it can't be done is the machine's fault, and said so."""

import pytest
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from utils.compiled import Compiled
from utils.errors import ConfigError


def failing(error: Exception) -> Compiled:
    compiled = Compiled(nn.Identity(), "[train] compile = yes")

    def call(images: torch.Tensor) -> torch.Tensor:
        raise error

    compiled._call = call
    return compiled


def test_what_the_compiler_says_becomes_an_error_of_the_config():
    with pytest.raises(ConfigError, match=r"\[train\] compile = yes: .*no g\+\+ here\n.*install g\+\+"):
        failing(TorchDynamoException("no g++ here"))(torch.zeros(1))


def test_our_own_mistakes_stay_loud():
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())(torch.zeros(1))
