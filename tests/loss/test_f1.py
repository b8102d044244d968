"""Soft macro-F1 against sklearn's where it is hard, and by hand where it is soft."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from torch import Tensor

from loss.base import PerHeadLoss
from loss.f1 import F1


def one_hot(*labels: int, width: int = 3) -> Tensor:
    return F.one_hot(torch.tensor(labels), width).double()


def certain(*labels: int, width: int = 3) -> Tensor:
    """Logits of a model that has no doubt."""
    return 1000 * one_hot(*labels, width=width)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [2, 3, 18])
def test_for_certain_answers_it_is_sklearns_macro_f1_over_the_labels_that_occur(
    width: int, seed: int
) -> None:
    drawn = torch.randint(width, (2, 12), generator=torch.Generator().manual_seed(seed))
    truth, answers = drawn.tolist()
    expected = f1_score(truth, answers, labels=sorted(set(truth)), average="macro", zero_division=0)
    loss = F1()(certain(*answers, width=width), one_hot(*truth, width=width))
    assert float(loss) == pytest.approx(1 - expected)


def test_by_hand() -> None:
    # Label 0: TP 3/4, FP 1/2, FN 1/4; label 1: TP 1/2, FP 1/4, FN 1/2.
    logits = torch.tensor([[3.0, 1.0], [1.0, 1.0]]).log()
    expected = 1 - (1.5 / 2.25 + 1 / 1.75) / 2
    assert float(F1()(logits, one_hot(0, 1, width=2))) == pytest.approx(expected)


# Trap "absent classes contribute F1 0".
def test_a_label_that_does_not_occur_does_not_drag_the_mean() -> None:
    truth = (0, 4, 4, 11)
    assert float(F1()(certain(*truth, width=18), one_hot(*truth, width=18))) == pytest.approx(0, abs=1e-9)
    # Answering it still costs: the label that it is taken from is missed.
    assert float(F1()(certain(17, 4, 4, 11, width=18), one_hot(*truth, width=18))) == pytest.approx(1 / 3)


def test_probability_on_a_label_that_does_not_occur_is_pushed_away() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    F1()(logits, one_hot(0, 0, 1, 1).float()).backward()
    assert (logits.grad[:, 2] > 0).all()


def test_a_class_of_weight_0_counts_as_one_that_does_not_occur() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    targets = one_hot(0, 1, 2, 2, 1, 0).float()
    weighted = PerHeadLoss({"a": F1()}, {"a": 1}, {"a": torch.tensor([1.0, 1.0, 0.0])})
    rows = targets[:, 2] == 0
    got = weighted({"a": logits}, {"a": targets})
    torch.testing.assert_close(got, F1()(logits[rows], targets[rows]))


def test_whole_weights_are_repetitions_and_their_scale_changes_nothing() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(3)).double()
    targets, times = one_hot(0, 1, 2, 2, 1), torch.tensor([1, 3, 2, 1, 4])
    expected = F1()(logits.repeat_interleave(times, dim=0), targets.repeat_interleave(times, dim=0))
    for scale in (1, 0.25, 100):
        torch.testing.assert_close(F1()(logits, scale * times[:, None] * targets), expected)


def test_one_batch_is_not_the_mean_of_its_halves() -> None:
    """Why accumulating gradients does not replace a large batch."""
    answers, truth = certain(0, 0, 1, 1), one_hot(0, 1, 1, 1)
    halves = [F1()(answers[part], truth[part]) for part in (slice(2), slice(2, 4))]
    assert float(F1()(answers, truth)) != pytest.approx(float(sum(halves)) / 2)


def test_the_gradient_is_that_of_the_value() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    soft = torch.rand(6, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    soft[2] = 0  # not labelled
    for targets in (one_hot(0, 1, 1, 2, 2, 2, width=4), soft):
        assert torch.autograd.gradcheck(lambda x, t=targets: F1()(x, t), logits.requires_grad_())


# Trap "unstable in fp16": the sums over a batch would stop growing there at 2048 images.
def test_large_batches_of_half_precision_logits_are_counted_in_full() -> None:
    logits = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(4)).half()
    targets = F.one_hot(torch.arange(20_000) % 2, 2).float()
    loss = PerHeadLoss({"a": F1()}, {"a": 1})({"a": logits}, {"a": targets})
    assert float(loss) == pytest.approx(float(F1()(logits.double(), targets.double())), rel=1e-5)
