"""What is found of nets in a part of torch's time is what torch finds."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import timm
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models.shapes import Shapes


class Outputs(TorchDispatchMode):  # type: ignore[misc]
    """Every operation inside, with the shape, strides and type of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, list[Any]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = function(*args, **(kwargs or {}))
        tensors = given if isinstance(given, (tuple, list)) else (given,)
        facts = [(v.shape, v.stride(), v.dtype, v.device) for v in tensors if isinstance(v, Tensor)]
        self.steps.append((str(function), facts))
        return given


def steps(backbone: str, within: AbstractContextManager[Any], *, training: bool) -> list[Any]:
    with within, torch.device("meta"), Outputs() as outputs:
        model = timm.create_model(backbone, num_classes=2).train(training)
        model(torch.rand(2, 3, 224, 224)).sum().backward()
    return outputs.steps


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("backbone", ["convnext_atto", "mobilenetv3_small_050", "resnet10t", "test_vit"])
def test_every_operation_gives_the_shapes_strides_and_types_that_torch_finds(
    backbone: str, training: bool
) -> None:
    expected = steps(backbone, nullcontext(), training=training)
    assert steps(backbone, Shapes(), training=training) == expected


def test_numbers_are_torchs_own_where_there_are_numbers() -> None:
    with Shapes():
        torch.manual_seed(0)
        drawn = torch.empty(3).normal_() + torch.ones(3)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.empty(3).normal_() + 1)
