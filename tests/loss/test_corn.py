"""The loss of conditional questions about grades, against the formula of its paper."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from loss.corn import CORN
from loss.sum import Sum, WeightedNames
from models.links import Conditional

GRADES = 5
GENERATOR = torch.Generator().manual_seed(11)
ANSWERS = 2 * torch.randn(40, GRADES - 1, generator=GENERATOR, dtype=torch.float64)
TRUE = torch.randint(GRADES, (40,), generator=GENERATOR)
TARGETS = F.one_hot(TRUE, GRADES).double()


def published(answers: NDArray[np.float64], true: NDArray[np.int64]) -> float:
    """Equation 7 of Shi, Cao and Raschka, 2021, word by word: a loop over questions and their images."""
    total, images = 0.0, 0
    for question in range(answers.shape[1]):
        for answer, grade in zip(answers[:, question], true, strict=True):
            if grade < question:
                continue
            images += 1
            probability = 1 / (1 + np.exp(-answer))
            total -= np.log(probability) if grade > question else np.log(1 - probability)
    return total / images


def cost(answers: Tensor, targets: Tensor) -> Tensor:
    return CORN()(Conditional(GRADES)(answers), targets)


def test_it_is_the_papers_equation() -> None:
    assert float(cost(ANSWERS, TARGETS)) == pytest.approx(published(ANSWERS.numpy(), TRUE.numpy()), rel=1e-12)


def test_its_gradient_is_that_of_its_values() -> None:
    answers = ANSWERS[:6].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cost(x, TARGETS[:6]), answers)
    soft = torch.rand(6, GRADES, generator=GENERATOR, dtype=torch.float64).softmax(dim=1)
    assert torch.autograd.gradcheck(lambda x: cost(x, soft), answers)


def test_a_mixed_grade_costs_the_mix_in_as_many_questions() -> None:
    """Half an image of grade 1 and half one of grade 4 are two images that count a half each."""
    answers = ANSWERS[:1]
    mixed = torch.tensor([[0, 0.5, 0, 0, 0.5]], dtype=torch.float64)
    apart = torch.eye(GRADES, dtype=torch.float64)[[1, 4]]
    assert float(cost(answers, mixed)) == pytest.approx(float(cost(answers.expand(2, -1), apart)), rel=1e-12)


def test_images_without_a_grade_are_in_no_question() -> None:
    targets = TARGETS.clone()
    targets[::3] = 0
    graded = targets.any(dim=1)
    expected = published(ANSWERS[graded].numpy(), TRUE[graded].numpy())
    assert float(cost(ANSWERS, targets)) == pytest.approx(expected, rel=1e-12)


def test_in_a_sum_the_other_parts_see_the_probabilities_that_follow() -> None:
    together = Sum(parts=WeightedNames((("CORN", 1.0), ("CrossEntropy", 0.5))))
    assert together.link == "conditional"
    logits = Conditional(GRADES)(ANSWERS)
    expected = CORN()(logits, TARGETS) + 0.5 * F.nll_loss(logits, TRUE)
    torch.testing.assert_close(together(logits, TARGETS), expected)
    with pytest.raises(ValueError, match="CORN and CumulativeLink each need a head of their own"):
        Sum(parts=WeightedNames((("CORN", 1.0), ("CumulativeLink", 1.0))))
