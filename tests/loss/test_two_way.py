"""Two-way loss against timm's, the paper's formula in float64 and sums by hand."""

import math

import numpy as np
import pytest
import timm.loss
import torch
from torch import Tensor

from loss.two_way import TwoWayLoss

TEMPERATURES = pytest.mark.parametrize(("hot", "cold"), [(4.0, 1.0), (1.0, 1.0), (0.5, 3.0)])


def example(labels: int = 6) -> tuple[Tensor, Tensor]:
    """Some labels that never or always occur, and images with none or all of them."""
    generator = torch.Generator().manual_seed(labels)
    logits = 3 * torch.randn(9, labels, generator=generator, dtype=torch.float64)
    targets = (torch.rand(9, labels, generator=generator) < 0.3).double()
    targets[0], targets[1] = 0, 1
    if labels > 2:
        targets[2:, 0], targets[:, 1] = 1, 0
    return logits, targets


def one_way(x: np.ndarray, t: np.ndarray, hot: float, cold: float) -> float:
    """The mean over the rows with a present label, row by row."""
    costs = []
    for row, wanted in zip(x, t, strict=True):
        if not wanted.any():
            continue
        present = (wanted * np.exp(-row / hot)).sum() ** hot
        missing = ((1 - wanted) * np.exp(row / cold)).sum() ** cold
        costs.append(math.log(1 + present * missing))
    return float(np.mean(costs)) if costs else 0.0


@TEMPERATURES
def test_it_is_the_papers_formula_in_both_ways(hot: float, cold: float) -> None:
    logits, targets = example()
    loss = TwoWayLoss(positive_temperature=hot, negative_temperature=cold)
    for wanted in (targets, (targets + targets.roll(1, dims=0)) / 2, torch.zeros_like(targets)):
        x, t = logits.numpy(), wanted.numpy()
        expected = one_way(x, t, hot, cold) + one_way(x.T, t.T, hot, cold)
        assert float(loss(logits, wanted)) == pytest.approx(expected)


@TEMPERATURES
@pytest.mark.parametrize("labels", [1, 2, 6, 80])
def test_value_and_gradient_are_timms(hot: float, cold: float, labels: int) -> None:
    logits, targets = (value.float() for value in example(labels))
    ours, timms = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    got = TwoWayLoss(positive_temperature=hot, negative_temperature=cold)(ours, targets)
    expected = timm.loss.TwoWayLoss(tp=hot, tn=cold)(timms, targets)
    torch.testing.assert_close(got, expected)
    got.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, timms.grad)


def test_the_temperatures_are_the_papers_by_default() -> None:
    logits, targets = (value.float() for value in example())
    torch.testing.assert_close(TwoWayLoss()(logits, targets), timm.loss.TwoWayLoss()(logits, targets))


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(2), 0.0], [0.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    image = math.log(1 + 1 / 2)  # of the first image only: exp(-log 2) * exp(0)
    label = math.log(1 + 1 / 2)  # of the first label only: exp(-log 2) * exp(0)
    loss = TwoWayLoss(positive_temperature=1)
    assert float(loss(logits, targets)) == pytest.approx(image + label)


def test_only_differences_of_logits_matter() -> None:
    logits, targets = example()
    torch.testing.assert_close(TwoWayLoss()(logits + 5, targets), TwoWayLoss()(logits, targets))


def test_the_gradient_is_that_of_the_value() -> None:
    logits, targets = example()
    for wanted in (targets, 0.9 * targets + 0.05):
        assert torch.autograd.gradcheck(lambda x, t=wanted: TwoWayLoss()(x, t), logits.requires_grad_())


@pytest.mark.parametrize("size", [100.0, 1e4, -1e4])
def test_sure_answers_to_absent_and_constant_labels_are_told_right_from_wrong(size: float) -> None:
    targets = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # always, never, once
    logits = (size * (2 * targets - 1)).requires_grad_()
    loss = TwoWayLoss()(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    assert bool(loss < 1e-6) == (size > 0)
