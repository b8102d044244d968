"""Asymmetric loss for one label against timm's, torch's label smoothing and sums by hand."""

import math

import pytest
import timm.loss
import torch
import torch.nn.functional as F
from torch import Tensor

from loss.asymmetric_single_label import AsymmetricLossSingleLabel

OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {"gamma_neg": 4.0, "gamma_pos": 0.0, "smoothing": 0.1},
        {"gamma_neg": 4.0, "gamma_pos": 1.0, "smoothing": 0.0},
        {"gamma_neg": 0.5, "gamma_pos": 0.3, "smoothing": 0.4},
        {"gamma_neg": 0.0, "gamma_pos": 2.0, "smoothing": 1.0},
    ],
)


def example(labels: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(labels)
    logits = 2 * torch.randn(8, labels, generator=generator, dtype=torch.float64)
    return logits, F.one_hot(torch.randint(labels, (8,), generator=generator), labels).double()


@OPTIONS
@pytest.mark.parametrize("labels", [2, 5, 18])
def test_value_and_gradient_are_timms(options: dict[str, float], labels: int) -> None:
    logits, targets = example(labels)
    ours, timms = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    got = AsymmetricLossSingleLabel(**options)(ours, targets)
    expected = timm.loss.AsymmetricLossSingleLabel(
        gamma_pos=options["gamma_pos"], gamma_neg=options["gamma_neg"], eps=options["smoothing"]
    )(timms, targets.argmax(dim=1))
    torch.testing.assert_close(got, expected)
    got.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, timms.grad)


def test_the_defaults_are_those_of_the_publication() -> None:
    logits, targets = example()
    theirs = timm.loss.AsymmetricLossSingleLabel(gamma_pos=0, gamma_neg=4, eps=0.1)
    expected = theirs(logits, targets.argmax(dim=1))
    torch.testing.assert_close(AsymmetricLossSingleLabel()(logits, targets), expected)


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(3), 0.0]])  # 3/4 and 1/4
    expected = 0.95 * math.log(4 / 3) + 0.05 * 0.25**4 * math.log(4)
    got = AsymmetricLossSingleLabel()(logits, torch.tensor([[1.0, 0.0]]))
    assert float(got) == pytest.approx(expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_without_focus_it_is_torchs_label_smoothing(smoothing: float) -> None:
    logits, targets = example()
    loss = AsymmetricLossSingleLabel(gamma_neg=0, gamma_pos=0, smoothing=smoothing)
    for wanted in (targets, targets.lerp(targets.flip(0), 0.3)):
        expected = F.cross_entropy(logits, wanted, label_smoothing=smoothing)
        torch.testing.assert_close(loss(logits, wanted), expected)


@OPTIONS
def test_a_mixed_image_costs_the_mix_of_the_costs(options: dict[str, float]) -> None:
    logits, targets = example()
    loss, other = AsymmetricLossSingleLabel(**options), targets.flip(0)
    mixed = loss(logits, other.lerp(targets, 0.3))
    torch.testing.assert_close(mixed, 0.3 * loss(logits, targets) + 0.7 * loss(logits, other))


@OPTIONS
def test_the_gradient_is_that_of_the_value(options: dict[str, float]) -> None:
    logits, targets = example()
    targets[2] = 0  # not labelled
    loss = AsymmetricLossSingleLabel(**options)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), logits.requires_grad_())


@OPTIONS
@pytest.mark.parametrize("size", [10.0, 20.0, 100.0, 1e4, -1e4])
def test_certain_answers_have_finite_gradients(options: dict[str, float], size: float) -> None:
    targets = F.one_hot(torch.arange(3)).float()
    logits = (size * targets).requires_grad_()
    loss = AsymmetricLossSingleLabel(**options)(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
