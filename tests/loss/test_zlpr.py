"""ZLPR against timm's, the paper's formula in float64 and sums by hand."""

import math

import numpy as np
import pytest
import timm.loss
import torch
import torch.nn.functional as F
from torch import Tensor

from loss.zlpr import ZLPR


def example(labels: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(labels)
    logits = 3 * torch.randn(9, labels, generator=generator, dtype=torch.float64)
    targets = (torch.rand(9, labels, generator=generator) < 0.3).double()
    targets[0], targets[1] = 0, 1
    return logits, targets


@pytest.mark.parametrize("labels", [1, 2, 6, 80])
def test_value_and_gradient_are_timms(labels: int) -> None:
    logits, targets = (value.float() for value in example(labels))
    ours, timms = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    got, expected = ZLPR()(ours, targets), timm.loss.ZlprLoss()(timms, targets)
    torch.testing.assert_close(got, expected)
    got.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, timms.grad)


def test_it_is_the_papers_formula_for_soft_targets_too() -> None:
    logits, targets = example()
    for wanted in (targets, (targets + targets.roll(1, dims=0)) / 2, 0.9 * targets + 0.05):
        x, t = logits.numpy(), wanted.numpy()
        each = np.log(1 + (t * np.exp(-x)).sum(axis=1)) + np.log(1 + ((1 - t) * np.exp(x)).sum(axis=1))
        assert float(ZLPR()(logits, wanted)) == pytest.approx(float(each.mean()))


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(2), math.log(4), -math.log(2)], [0.0, 0.0, 0.0]])
    targets = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    expected = (math.log(1 + 1 / 2 + 1 / 4) + math.log(1 + 1 / 2) + math.log(1) + math.log(4)) / 2
    assert float(ZLPR()(logits, targets)) == pytest.approx(expected)


def test_with_one_label_it_is_binary_cross_entropy() -> None:
    logits, targets = example(1)
    expected = F.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(ZLPR()(logits, targets), expected)


def test_the_gradient_is_that_of_the_value() -> None:
    logits, targets = example()
    for wanted in (targets, 0.9 * targets + 0.05):
        assert torch.autograd.gradcheck(lambda x, t=wanted: ZLPR()(x, t), logits.requires_grad_())


def test_more_images_do_not_change_its_size() -> None:
    logits, targets = example()
    torch.testing.assert_close(ZLPR()(logits.repeat(3, 1), targets.repeat(3, 1)), ZLPR()(logits, targets))
