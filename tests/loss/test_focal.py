"""Focal loss, with and without smoothing, against torchvision's, torch's and sums by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from loss.base import LOSSES, Loss
from utils.registry import Component

GAMMAS = pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])


def build(name: str, **options: object) -> Loss:
    return LOSSES.build(Component.of(name, **options))


def example(labels: int, count: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(labels)
    logits = 2 * torch.randn(count, labels, generator=generator, dtype=torch.float64)
    return logits, F.one_hot(torch.randint(labels, (count,), generator=generator), labels).double()


def soft(labels: int, count: int = 8) -> Tensor:
    return torch.rand(count, labels, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(
        1
    )


@GAMMAS
def test_focal_of_two_labels_is_torchvisions_of_the_difference_of_their_logits(gamma: float) -> None:
    logits, targets = example(2)
    difference = logits[:, 1] - logits[:, 0]
    expected = sigmoid_focal_loss(difference, targets[:, 1], alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(build("Focal", gamma=gamma)(logits, targets), expected)


@GAMMAS
def test_focal_is_the_papers_formula_of_the_right_labels_probability(gamma: float) -> None:
    logits, targets = example(18)
    p = logits.softmax(dim=1)[targets.bool()]
    expected = (-((1 - p) ** gamma) * p.log()).mean()
    torch.testing.assert_close(build("Focal", gamma=gamma)(logits, targets), expected)


def test_focal_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])  # the right label has 1/2 and 3/4
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    expected = (math.log(2) / 4 + math.log(4 / 3) / 16) / 2
    assert float(build("Focal")(logits, targets)) == pytest.approx(expected)


def test_focal_without_focus_is_cross_entropy_for_soft_targets_too() -> None:
    logits, targets = example(3)
    for wanted in (targets, soft(3)):
        torch.testing.assert_close(build("Focal", gamma=0)(logits, wanted), F.cross_entropy(logits, wanted))


def test_focal_of_soft_targets_is_the_sum_over_their_shares() -> None:
    logits, _ = example(3)
    shares = [soft(3)[:, k : k + 1] * torch.eye(3, dtype=torch.float64)[k] for k in range(3)]
    parts = [
        build("Focal")(logits, share) * share.sum() for share in shares
    ]  # each a mean over its own weight
    torch.testing.assert_close(build("Focal")(logits, soft(3)), sum(parts) / 8)


@GAMMAS
@pytest.mark.parametrize("name", ["Focal", "FocalLabelSmoothing"])
def test_the_gradient_is_that_of_the_value(name: str, gamma: float) -> None:
    logits, targets = example(3)
    loss = build(name, gamma=gamma)
    for wanted in (targets, soft(3)):
        assert torch.autograd.gradcheck(lambda x, t=wanted: loss(x, t), logits.requires_grad_())


@GAMMAS
@pytest.mark.parametrize("name", ["Focal", "FocalLabelSmoothing"])
@pytest.mark.parametrize("size", [10.0, 20.0, 100.0, 1e4, -1e4])
def test_certain_answers_have_finite_gradients(name: str, gamma: float, size: float) -> None:
    targets = F.one_hot(torch.arange(3)).float()
    logits = (size * targets).requires_grad_()
    loss = build(name, gamma=gamma)(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


# Trap "smoothing/(C-1) versus torch's eps/C convention".
@GAMMAS
def test_smoothed_focal_is_that_of_torchs_smoothed_cross_entropy_of_each_image(gamma: float) -> None:
    for labels in (2, 18):
        logits, targets = example(labels)
        for wanted in (targets, soft(labels)):
            each = F.cross_entropy(logits, wanted, label_smoothing=0.3, reduction="none")
            got = build("FocalLabelSmoothing", gamma=gamma, smoothing=0.3)(logits, wanted)
            torch.testing.assert_close(got, ((1 - (-each).exp()) ** gamma * each).mean())


def test_smoothed_focal_by_hand() -> None:
    logits = torch.tensor([[math.log(3), 0.0]])  # 3/4 and 1/4; by default 0.9 and 0.1 of the targets
    smooth = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    expected = (1 - 0.75**0.9 * 0.25**0.1) ** 2 * smooth
    got = build("FocalLabelSmoothing")(logits, torch.tensor([[1.0, 0.0]]))
    assert float(got) == pytest.approx(expected)


# Trap "focal + label smoothing weights only the target term": the best answer would not be the target.
@pytest.mark.parametrize("labels", [2, 3, 18])
def test_the_best_answer_to_smoothed_focal_is_the_smoothed_target(labels: int) -> None:
    target = F.one_hot(torch.tensor([1]), labels).double()
    best = (0.8 * target + 0.2 / labels).log().requires_grad_()
    loss = build("FocalLabelSmoothing")(best, target)
    loss.backward()
    assert best.grad is not None
    assert best.grad.abs().max() < 1e-12
    for other in (0.0, 0.5, 0.9, 1.1, 3.0):
        assert build("FocalLabelSmoothing")(other * best.detach(), target) > loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
def test_smoothed_focal_without_focus_is_torchs_label_smoothing(smoothing: float) -> None:
    logits, targets = example(18)
    expected = F.cross_entropy(logits, targets.argmax(dim=1), label_smoothing=smoothing)
    got = build("FocalLabelSmoothing", gamma=0, smoothing=smoothing)(logits, targets)
    torch.testing.assert_close(got, expected)


def test_smoothed_focal_without_smoothing_is_focal() -> None:
    logits, targets = example(18)
    torch.testing.assert_close(
        build("FocalLabelSmoothing", smoothing=0)(logits, targets), build("Focal")(logits, targets)
    )
