"""Asymmetric loss against timm's, the paper's formula in float64 and sums by hand."""

import math

import numpy as np
import pytest
import timm.loss
import torch
import torch.nn.functional as F
from torch import Tensor

from loss.asymmetric import AsymmetricLoss

OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"clip": 0.0},
        {"gamma_neg": 0.0, "clip": 0.2},
        {"gamma_neg": 2.0, "gamma_pos": 1.0},
        {"gamma_neg": 0.5, "gamma_pos": 0.3, "clip": 0.1},
        {"gamma_neg": 0.0, "gamma_pos": 0.0, "clip": 0.0},
    ],
)


def example(labels: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(labels)
    logits = 3 * torch.randn(9, labels, generator=generator, dtype=torch.float64)
    targets = (torch.rand(9, labels, generator=generator) < 0.3).double()
    targets[0], targets[1] = 0, 1
    return logits, targets


def papers(
    logits: Tensor, targets: Tensor, gamma_neg: float = 4, gamma_pos: float = 0, clip: float = 0.05
) -> float:
    """The mean of -y L+ - (1 - y) L-, label by label."""
    costs = []
    for x, y in zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        shifted = max(p - clip, 0)
        costs.append(
            -y * (1 - p) ** gamma_pos * math.log(p) - (1 - y) * shifted**gamma_neg * math.log(1 - shifted)
        )
    return float(np.mean(costs))


@OPTIONS
@pytest.mark.parametrize("focal_gradient", [False, True])
def test_it_is_the_papers_formula(options: dict[str, float], focal_gradient: bool) -> None:
    logits, targets = example()
    soft = (targets + targets.roll(1, dims=0)) / 2
    loss = AsymmetricLoss(**options, focal_gradient=focal_gradient)
    for wanted in (targets, soft):
        assert float(loss(logits, wanted)) == pytest.approx(papers(logits, wanted, **options))


# timm works in float32, and its gradient of a root of 0 is NaN: those are left to the gradient's own test.
@OPTIONS
@pytest.mark.parametrize("focal_gradient", [False, True])
def test_value_and_gradient_are_timms(options: dict[str, float], focal_gradient: bool) -> None:
    logits, targets = (value.float() for value in example())
    ours, timms = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    got = AsymmetricLoss(**options, focal_gradient=focal_gradient)(ours, targets)
    defaults = {"gamma_neg": 4.0, "gamma_pos": 0.0, "clip": 0.05}
    theirs = timm.loss.AsymmetricLossMultiLabel(
        **(defaults | options), disable_torch_grad_focal_loss=not focal_gradient, reduction="sum"
    )
    expected = theirs(timms, targets) / targets.numel()
    torch.testing.assert_close(got, expected)
    got.backward()
    expected.backward()
    valid = timms.grad.isfinite()
    assert valid.float().mean() > 0.8
    torch.testing.assert_close(ours.grad[valid], timms.grad[valid], rtol=1e-4, atol=1e-7)


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(3), math.log(3), -math.log(19)]])  # 3/4, 3/4 and 1/20
    targets = torch.tensor([[1.0, 0.0, 0.0]])
    expected = (math.log(4 / 3) + 0.7**4 * -math.log(0.3) + 0) / 3
    assert float(AsymmetricLoss()(logits, targets)) == pytest.approx(expected)


def test_without_focus_and_clip_it_is_binary_cross_entropy() -> None:
    logits, targets = example()
    loss = AsymmetricLoss(gamma_neg=0, gamma_pos=0, clip=0)
    expected = F.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(loss(logits, targets), expected)
    far = torch.tensor([[200.0, -200.0]])
    assert float(loss(far, torch.tensor([[0.0, 1.0]]))) == pytest.approx(200)  # no log is cut off


def test_missing_labels_below_the_clip_cost_nothing() -> None:
    logits = torch.tensor([[-3.0, -50.0]], requires_grad=True)  # p = 0.047 and 0
    loss = AsymmetricLoss(gamma_neg=1)(logits, torch.zeros(1, 2))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros(1, 2))


def test_without_focal_gradient_the_powers_are_constants() -> None:
    logits, targets = example()
    logits.requires_grad_()
    AsymmetricLoss(gamma_neg=2, gamma_pos=1, clip=0)(logits, targets).backward()
    p = logits.detach().sigmoid()
    # d log p / dx = 1 - p and d log(1 - p) / dx = -p
    expected = (-targets * (1 - p) * (1 - p) + (1 - targets) * p**2 * p) / targets.numel()
    torch.testing.assert_close(logits.grad, expected)


@OPTIONS
def test_the_gradient_is_that_of_the_value(options: dict[str, float]) -> None:
    logits, targets = example()
    loss = AsymmetricLoss(**options, focal_gradient=True)
    for wanted in (targets, (targets + 0.2) / 1.4):
        assert torch.autograd.gradcheck(lambda x, t=wanted: loss(x, t), logits.requires_grad_())


@OPTIONS
@pytest.mark.parametrize("focal_gradient", [False, True])
@pytest.mark.parametrize("size", [10.0, 17.0, 40.0, 100.0, 1e4])
def test_certain_answers_have_finite_gradients(
    options: dict[str, float], focal_gradient: bool, size: float
) -> None:
    signs = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    logits = (size * signs).requires_grad_()
    for targets in (torch.tensor([[1.0, 0, 0, 1]]), torch.full((1, 4), 0.5)):
        logits.grad = None
        loss = AsymmetricLoss(**options, focal_gradient=focal_gradient)(logits, targets)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad.isfinite().all()


def test_a_mixed_image_costs_the_mix_of_the_costs() -> None:
    logits, targets = example()
    loss, other = AsymmetricLoss(gamma_pos=1), targets.flip(0)
    mixed = loss(logits, other.lerp(targets, 0.3))
    torch.testing.assert_close(mixed, 0.3 * loss(logits, targets) + 0.7 * loss(logits, other))


def test_neither_more_images_nor_more_labels_change_its_size() -> None:
    logits, targets = example()
    loss = AsymmetricLoss()
    torch.testing.assert_close(loss(logits.repeat(3, 4), targets.repeat(3, 4)), loss(logits, targets))
