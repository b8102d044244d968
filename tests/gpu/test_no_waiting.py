"""In a step the host never waits for the GPU, and few kernels do the work: traced on fake tensors."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from dataset.augmentation.base import AUGMENTATIONS, Chance
from loss.base import LOSSES
from models.base import MODELS
from tests.gpu.fake import GPU, fake_gpu, moved, traced
from tests.train.optimizers.chosen import chosen
from train.memory_format import match_memory_format
from train.optimizers.base import OPTIMIZERS, parameter_groups
from utils.registry import Component

HEADS = {"mask": 3, "gender": 2, "age": 3}
NEEDED: dict[str, dict[str, Any]] = {
    "CutMixWithinClass": {"space": "mask"},
    "ColourJitter": {"brightness": 0.2},
}
WAITS = {"CLAHE": 3}  # it is OpenCV's, on the CPU: which images, their pixels down, and back up


class FakeChance(Chance):
    """Draws on the GPU without a generator of it, which only a real one has."""

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, device=GPU) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=GPU)

    def beta(self, alpha: float, *shape: int) -> Tensor:
        return torch.rand(shape, device=GPU)

    def permutation(self, count: int) -> Tensor:
        return torch.randperm(count, device=GPU)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS.names() if name not in WAITS])
def test_no_augmentation_makes_the_host_wait(name: str) -> None:
    options = NEEDED.get(name, {})
    augmentation = AUGMENTATIONS.build(Component.of(name, **options), size=(32, 24), epochs=3, heads=HEADS)
    with fake_gpu():
        images = torch.rand(28, 3, 36, 26, device=GPU)
        targets = {space: torch.rand(28, count, device=GPU) for space, count in HEADS.items()}
        chance = FakeChance(torch.Generator(), 0.5)
        trace = traced(lambda: augmentation(images, targets, chance))
    assert trace.waits == []


@pytest.mark.parametrize("name", LOSSES.names())
def test_no_loss_makes_the_host_wait(name: str) -> None:
    loss = LOSSES.build(Component.of(name), space="mask", scale=30.0)
    with fake_gpu():
        moved(loss)
        logits = torch.rand(8, 3, device=GPU)
        trace = traced(lambda: loss(logits, torch.rand(8, 3, device=GPU)))
    assert trace.waits == []


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS.names() if name != "SGD"])  # has no fake kernel
def test_no_optimiser_asks_the_gpu_and_each_needs_few_kernels(name: str) -> None:
    with fake_gpu():
        optimizer = _optimizer_on_gpu(name)
        trace = traced(optimizer.step)
    assert trace.waits == []
    assert len(trace.kernels) < 100


def test_a_resumed_nadam_keeps_on_the_cpu_what_it_asks_for() -> None:
    # torch moves all of a state but ``step`` to the weight's device when it is loaded
    with fake_gpu():
        optimizer = _optimizer_on_gpu("NAdam")
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
        match_memory_format(optimizer)
        states = list(optimizer.state.values())
    assert {state["mu_product"].device.type for state in states} == {"cpu"}
    assert {state["exp_avg"].device.type for state in states} == {"cuda"}


def _optimizer_on_gpu(name: str) -> Optimizer:
    model = moved(MODELS.build(Component.of("SmallResNet"), heads=HEADS, image_size=(32, 32)))
    for weight in model.parameters():
        weight.grad = torch.rand_like(weight)
    return OPTIMIZERS.build(chosen(name), groups=parameter_groups(model))
