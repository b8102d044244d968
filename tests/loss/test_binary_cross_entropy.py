"""Binary cross-entropy against torch's, timm's and the formula in float64."""

import math

import numpy as np
import pytest
import timm.loss
import torch
import torch.nn.functional as F
from torch import Tensor

from loss.binary_cross_entropy import BinaryCrossEntropy


def example(labels: int = 5) -> tuple[Tensor, Tensor]:
    """Logits and soft targets, some of them 0 or 1."""
    generator = torch.Generator().manual_seed(labels)
    logits = 3 * torch.randn(8, labels, generator=generator, dtype=torch.float64)
    targets = (2 * torch.rand(8, labels, generator=generator, dtype=torch.float64) - 0.5).clamp(0, 1)
    return logits, targets


@pytest.mark.parametrize("labels", [1, 5])
@pytest.mark.parametrize("weight", [0.5, 1.0, 7.0])
def test_it_is_torchs(labels: int, weight: float) -> None:
    logits, targets = example(labels)
    expected = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=torch.tensor(weight).double())
    torch.testing.assert_close(BinaryCrossEntropy(positive_weight=weight)(logits, targets), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothing_is_timms(smoothing: float) -> None:
    logits, targets = example()
    expected = timm.loss.BinaryCrossEntropy(smoothing=smoothing, smooth_dense=True)(logits, targets)
    torch.testing.assert_close(BinaryCrossEntropy(smoothing=smoothing)(logits, targets), expected)


def test_it_is_its_formula() -> None:
    logits, targets = example()
    x, t = logits.numpy(), 0.8 * targets.numpy() + 0.1
    p = 1 / (1 + np.exp(-x))
    expected = -(3 * t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / x.size
    got = BinaryCrossEntropy(smoothing=0.2, positive_weight=3)(logits, targets)
    assert float(got) == pytest.approx(float(expected))


def test_by_hand() -> None:
    logits = torch.tensor([[math.log(3), 0.0]])  # probabilities 3/4 and 1/2
    targets = torch.tensor([[1.0, 0.0]])
    expected = (math.log(4 / 3) + math.log(2)) / 2
    assert float(BinaryCrossEntropy()(logits, targets)) == pytest.approx(expected)


def test_a_mixed_image_costs_the_mix_of_the_costs() -> None:
    logits, targets = example()
    loss = BinaryCrossEntropy(smoothing=0.1, positive_weight=2)
    other = targets.flip(0)
    mixed = loss(logits, other.lerp(targets, 0.3))
    torch.testing.assert_close(mixed, 0.3 * loss(logits, targets) + 0.7 * loss(logits, other))


def test_neither_more_images_nor_more_labels_change_its_size() -> None:
    logits, targets = example()
    loss = BinaryCrossEntropy()
    torch.testing.assert_close(loss(logits.repeat(3, 4), targets.repeat(3, 4)), loss(logits, targets))


def test_the_gradient_is_that_of_the_value() -> None:
    logits, targets = example()
    loss = BinaryCrossEntropy(smoothing=0.1, positive_weight=2)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), logits.requires_grad_())
