"""The losses of one score and thresholds, against the formulas of their papers."""

import numpy as np
import pytest
import sklearn.metrics as theirs
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from loss.cumulative_link import CumulativeLink
from models.links import Cumulative

GRADES = 4
GENERATOR = torch.Generator().manual_seed(12)
SCORES = 2 * torch.randn(30, 1, generator=GENERATOR, dtype=torch.float64)
TRUE = torch.randint(GRADES, (30,), generator=GENERATOR)
TARGETS = F.one_hot(TRUE, GRADES).double()


def link() -> Cumulative:
    made = Cumulative(GRADES).double()
    with torch.no_grad():
        made.first.fill_(-0.7)
        made.gaps.copy_(torch.tensor([-1.0, 0.8]))
    return made


def upto(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(y <= k) of McCullagh's proportional odds, (N, K - 1)."""
    return 1 / (1 + np.exp(-(thresholds[None] - scores)))


def test_likelihood_is_that_of_proportional_odds() -> None:
    made = link()
    below = np.pad(upto(SCORES.numpy(), made.thresholds.detach().numpy()), ((0, 0), (1, 1)))
    below[:, -1] = 1
    probabilities = np.diff(below, axis=1)
    expected = theirs.log_loss(TRUE.numpy(), probabilities, labels=range(GRADES))
    assert CumulativeLink()(made(SCORES), TARGETS).item() == pytest.approx(expected, rel=1e-9)


def test_questions_cost_what_corals_do() -> None:
    made = link()
    above = 1 - upto(SCORES.numpy(), made.thresholds.detach().numpy())
    levels = TRUE.numpy()[:, None] > np.arange(GRADES - 1)
    terms = np.log(above) * levels + np.log(1 - above) * (1 - levels)
    found = CumulativeLink(cost="questions")(made(SCORES), TARGETS)
    assert found.item() == pytest.approx(float(-terms.sum(axis=1).mean()), rel=1e-9)


@pytest.mark.parametrize("cost", ["likelihood", "questions"])
def test_gradients_are_those_of_the_values_also_of_the_thresholds(cost: str) -> None:
    made, scores = link(), SCORES[:5].clone().requires_grad_()
    soft = torch.rand(5, GRADES, generator=GENERATOR, dtype=torch.float64).softmax(dim=1)
    for targets in (TARGETS[:5], soft):
        assert torch.autograd.gradcheck(
            lambda x, *_, t=targets: CumulativeLink(cost=cost)(made(x), t), scores
        )
        parameters = tuple(made.parameters())
        assert torch.autograd.gradcheck(
            lambda *_, t=targets: CumulativeLink(cost=cost)(made(SCORES[:5]), t), parameters
        )


@pytest.mark.parametrize("cost", ["likelihood", "questions"])
def test_a_mixed_grade_costs_the_mix(cost: str) -> None:
    loss, logits = CumulativeLink(cost=cost), link()(SCORES[:1])
    parts = [loss(logits, torch.eye(GRADES, dtype=torch.float64)[[grade]]) for grade in (0, 3)]
    mixed = loss(logits, torch.tensor([[0.25, 0, 0, 0.75]], dtype=torch.float64))
    torch.testing.assert_close(mixed, 0.25 * parts[0] + 0.75 * parts[1])


def test_a_grade_that_is_far_off_costs_more_by_questions() -> None:
    logits = torch.tensor([[0.0, 0.0, 3.0, 0.0]])
    near, far = (torch.eye(GRADES)[[grade]] for grade in (1, 0))
    assert CumulativeLink(cost="questions")(logits, far) > CumulativeLink(cost="questions")(logits, near)
    assert CumulativeLink()(logits, far) == CumulativeLink()(logits, near)
