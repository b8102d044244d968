"""Each model's backward pass against the operations that have no deterministic kernel on a GPU."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from models.base import MODELS
from models.conditionings.base import CONDITIONINGS
from models.heads.base import HEADS, Heads
from models.links import LINKS
from models.mirror_padding import mirrored
from tests.models.shapes import Shapes
from utils.registry import Component

# By the start of the operation's name: what PyTorch's documentation calls it where it lists what throws.
THROWS = {
    "aten.avg_pool3d_backward": "torch.nn.AvgPool3d",
    "aten._adaptive_avg_pool2d_backward": "torch.nn.AdaptiveAvgPool2d",
    "aten._adaptive_avg_pool3d_backward": "torch.nn.AdaptiveAvgPool3d",
    "aten.adaptive_max_pool2d_backward": "torch.nn.AdaptiveMaxPool2d",
    "aten.fractional_max_pool2d_backward": "torch.nn.FractionalMaxPool2d",
    "aten.max_unpool2d": "torch.nn.MaxUnpool2d",
    "aten.upsample_linear1d_backward": "torch.nn.functional.interpolate",
    "aten.upsample_bilinear2d_backward": "torch.nn.functional.interpolate",
    "aten.upsample_bicubic2d_backward": "torch.nn.functional.interpolate",
    "aten.reflection_pad1d_backward": "torch.nn.ReflectionPad1d",
    "aten.reflection_pad2d_backward": "torch.nn.ReflectionPad2d",
    "aten.nll_loss2d": "torch.nn.NLLLoss",
    "aten._ctc_loss_backward": "torch.nn.CTCLoss",
    "aten._embedding_bag": "torch.nn.EmbeddingBag",
    "aten.put_": "torch.Tensor.put_",
    "aten.histc": "torch.histc",
    "aten.bincount": "torch.bincount",
    "aten.median.dim": "torch.median",
    "aten.grid_sampler_2d_backward": "torch.nn.functional.grid_sample",
}
LABELS = {"mask": 3, "gender": 2, "age": 3}
SEVERAL: dict[str, dict[str, Any]] = {
    "FusedBackbones": {"backbones": "resnet18, mobilenetv3_small_050"},
    "SeparateBackbones": {"backbones": "mask+gender: resnet18, age: mobilenetv3_small_050"},
    "TimmModel": {"backbone": "resnetblur18"},
}


class Operations(TorchDispatchMode):  # type: ignore[misc]
    """The names of all operations inside."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(function))
        return function(*args, **(kwargs or {}))


def throwing(name: str, heads: Heads, size: int = 224) -> set[str]:
    """Return what a model's step does that a GPU refuses to do deterministically; nothing is computed."""
    options = SEVERAL.get(name, {})
    if "pretrained" in MODELS.schema(name):
        options = options | {"pretrained": False}
    with Shapes(), torch.device("meta"):
        model = MODELS.build(Component.of(name, **options), heads=heads, image_size=(size, size), fresh=False)
        with Operations() as operations:
            logits = model(torch.rand(2, 3, size, size))
            torch.stack([values.float().sum() for values in logits.values()]).sum().backward()
    return {operation for operation in operations.names if operation.startswith(tuple(THROWS))}


@pytest.mark.parametrize("documented", sorted(set(THROWS.values())))
def test_the_operations_are_those_that_pytorch_lists(documented: str) -> None:
    assert f"`{documented}`" in (torch.use_deterministic_algorithms.__doc__ or "")


@pytest.mark.slow
@pytest.mark.nets  # half a minute for all
@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_trains_deterministically_on_a_gpu(name: str) -> None:
    assert throwing(name, Heads(LABELS)) == set()


def test_a_blurring_backbone_trains_deterministically_on_a_gpu() -> None:
    assert throwing("TimmModel", Heads(LABELS), size=64) == set()


@pytest.mark.parametrize("name", HEADS.names())
def test_every_head_trains_deterministically_on_a_gpu(name: str) -> None:
    assert throwing("TinyNet", Heads(LABELS, default=Component(name)), size=64) == set()


@pytest.mark.parametrize("name", CONDITIONINGS.names())
def test_every_conditioning_trains_deterministically_on_a_gpu(name: str) -> None:
    assert throwing("TinyNet", Heads(LABELS, conditioning=Component(name)), size=64) == set()


@pytest.mark.parametrize("link", sorted(LINKS))
def test_every_link_of_grades_trains_deterministically_on_a_gpu(link: str) -> None:
    assert throwing("TinyNet", Heads(LABELS).linked({"age": link}), size=64) == set()


@pytest.mark.parametrize("border", [(1, 1, 1, 1), (2, 1, 0, 3), (0, 0, 2, 0)])
def test_mirrored_borders_are_those_of_reflection_padding(border: tuple[int, int, int, int]) -> None:
    images = torch.rand(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    expected, found = F.pad(images, border, mode="reflect"), mirrored(images, *border)
    assert torch.equal(found, expected)

    weights = torch.rand_like(expected)
    gradients = [torch.autograd.grad((padded * weights).sum(), images)[0] for padded in (expected, found)]
    torch.testing.assert_close(gradients[1], gradients[0])
