"""Gradient checkpointing changes the memory that a step needs, and nothing else."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.base import MODELS, Classifier
from tests.models.shapes import Shapes
from utils.errors import ConfigError
from utils.registry import Component

SIZE = (64, 48)


def build(backbone: str, **options: object) -> Classifier:
    component = Component.of("TimmModel", backbone=backbone, **options)
    torch.manual_seed(0)
    model = MODELS.build(component, heads={"age": 3}, image_size=SIZE, fresh=True)
    assert isinstance(model, Classifier)
    return model.train().to(memory_format=torch.channels_last)


def step(model: nn.Module) -> dict[str, Tensor]:
    """The loss, gradients and buffers after a forward and a backward pass."""
    torch.manual_seed(1)
    images = torch.randint(0, 256, (4, 3, *SIZE), dtype=torch.uint8)
    loss = F.cross_entropy(model(images)["age"], torch.arange(4) % 3)
    loss.backward()
    gradients = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
    return gradients | dict(model.named_buffers()) | {"loss": loss.detach(), "random": torch.get_rng_state()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [key for key in expected if not torch.equal(found[key], expected[key])] == []


# Batch norms would count each batch twice: https://github.com/pytorch/pytorch/issues/96136
@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("resnet10t", {}),
        ("resnet10t", {"drop_path": 0.3, "dropout": 0.2}),
        ("mobilenetv3_small_050", {}),
        ("vit_tiny_patch16_224", {}),
        ("vit_tiny_patch16_224", {"drop_path": 0.3, "dropout": 0.2}),
        pytest.param("densenet121", {}, marks=(pytest.mark.slow, pytest.mark.nets)),
        pytest.param("rexnet_100", {}, marks=(pytest.mark.slow, pytest.mark.nets)),
        pytest.param("tresnet_m", {}, marks=(pytest.mark.slow, pytest.mark.nets)),
        pytest.param("regnetx_002", {}, marks=(pytest.mark.slow, pytest.mark.nets)),
    ],
)
def test_loss_gradients_statistics_and_random_state_keep_their_bits(
    backbone: str, options: dict[str, float]
) -> None:
    plain, saving = (build(backbone, gradient_checkpointing=yes, **options) for yes in (False, True))
    assert plain.state_dict().keys() == saving.state_dict().keys()
    for _ in range(2):
        assert_same(step(saving), step(plain))


NAMED = [name for name in MODELS.names() if hasattr(MODELS.get(name), "backbone_name")]


def kept_for_the_backward_pass(name: str, *, gradient_checkpointing: bool) -> int:
    """Numbers kept by one forward pass besides the weights."""
    component, sizes = Component.of(name, gradient_checkpointing=gradient_checkpointing), []
    with Shapes(), torch.device("meta"):
        model = MODELS.build(component, heads={"age": 3}, image_size=SIZE, fresh=True).train()
    weights = {id(parameter) for parameter in model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        if id(tensor if tensor._base is None else tensor._base) not in weights:
            sizes.append(tensor.numel())
        return tensor

    with Shapes(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.zeros(4, 3, *SIZE, dtype=torch.uint8, device="meta"))
    return sum(sizes)


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("ResNet18", "VisionTransformer")
        else pytest.param(name, marks=(pytest.mark.slow, pytest.mark.nets))
        for name in NAMED
    ],
)
def test_less_is_kept_for_the_backward_pass(name: str) -> None:
    plain, saving = (kept_for_the_backward_pass(name, gradient_checkpointing=yes) for yes in (False, True))
    assert saving < 0.7 * plain


def test_copies_and_a_changed_momentum_work_as_without() -> None:
    plain, saving = (copy.deepcopy(build("resnet10t", gradient_checkpointing=yes)) for yes in (False, True))
    for model in (plain, saving):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # a mean over all batches
    for _ in range(2):
        assert_same(step(saving), step(plain))
    assert {m.momentum for m in saving.modules() if isinstance(m, nn.BatchNorm2d)} == {None}


def test_an_architecture_without_it_is_refused() -> None:
    words = r"vgg11 has no gradient checkpointing: set gradient_checkpointing = no"
    with torch.device("meta"), pytest.raises(ConfigError, match=words):
        build("vgg11", gradient_checkpointing=True)
