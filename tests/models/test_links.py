"""How heads that are asked about grades answer with a logit for each of them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.base import MODELS
from models.conditionings.base import CONDITIONINGS
from models.heads.base import HEADS, Heads
from models.links import LINKS, Conditional, Cumulative
from tools.soup.weights import mean_weights
from utils.registry import Component

every_link = pytest.mark.parametrize("name", sorted(LINKS))


def outputs(link: torch.nn.Module, count: int = 7, size: float = 2.0) -> Tensor:
    return size * torch.randn(count, link.width, generator=torch.Generator().manual_seed(3))


@every_link
@pytest.mark.parametrize("labels", [2, 3, 9])
def test_softmax_of_the_logits_are_probabilities_that_are_their_logarithms(name: str, labels: int) -> None:
    link = LINKS[name](labels)
    logits = link(outputs(link))
    assert logits.shape == (7, labels)
    torch.testing.assert_close(logits.softmax(dim=1), logits.exp())


def test_conditional_answers_are_joined_by_the_chain_rule() -> None:
    link = Conditional(4)
    raw = outputs(link).double()
    above = raw.sigmoid().cumprod(dim=1).numpy()  # P(y > k)
    expected = -np.diff(np.pad(np.pad(above, ((0, 0), (1, 0)), constant_values=1), ((0, 0), (0, 1))), axis=1)
    np.testing.assert_allclose(link(raw).exp().numpy(), expected, rtol=1e-12)


def test_all_grades_are_as_likely_before_a_cumulative_head_has_learnt() -> None:
    for labels in (2, 5):
        probabilities = Cumulative(labels)(torch.zeros(1, 1)).exp()
        torch.testing.assert_close(probabilities, torch.full((1, labels), 1 / labels))


@pytest.mark.parametrize("size", [1.0, 100.0, 1e6])
def test_thresholds_rise_whatever_an_optimiser_makes_of_them(size: float) -> None:
    link = Cumulative(6)
    with torch.no_grad():
        for parameter in link.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    assert (link.thresholds.diff() >= 0).all()
    assert link(outputs(link)).isfinite().all()


@every_link
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_answers_have_finite_logits_and_gradients(name: str, size: float) -> None:
    link = LINKS[name](4)
    raw = torch.full((2, link.width), size, requires_grad=True)
    logits = link(raw)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_the_mean_of_thresholds_of_two_models_rises() -> None:
    links = [Cumulative(5), Cumulative(5)]
    with torch.no_grad():
        links[0].gaps.copy_(torch.tensor([9.0, -9.0, 9.0]))
        links[1].first.fill_(-40.0)
    both = Cumulative(5)
    both.load_state_dict(mean_weights([link.state_dict() for link in links]))
    assert (both.thresholds.diff() > 0).all()


@every_link
@pytest.mark.parametrize("head", HEADS.names())
def test_any_head_can_be_asked_about_grades(name: str, head: str) -> None:
    torch.manual_seed(0)
    heads = Heads({"kind": 3, "grade": 5}, default=Component(head), names={"grade": tuple("abcde")})
    heads = heads.linked({"grade": name})
    model = MODELS.build(Component.of("TinyNet", width=1), heads=heads, image_size=(16, 16), fresh=True)
    logits = model(torch.zeros(3, 3, 16, 16, dtype=torch.uint8))
    assert {space: tuple(values.shape) for space, values in logits.items()} == {
        "kind": (3, 3),
        "grade": (3, 5),
    }
    torch.testing.assert_close(logits["grade"].exp().sum(dim=1), torch.ones(3))
    logits["grade"][:, 1].sum().backward()
    learnt = [values for key, values in model.named_parameters() if key.startswith("heads.grade.")]
    assert learnt
    assert all(values.grad is not None for values in learnt)
    assert heads.scale("grade") is None


@pytest.mark.parametrize("conditioning", CONDITIONINGS.names())
def test_grades_may_depend_on_other_answers(conditioning: str) -> None:
    torch.manual_seed(0)
    heads = Heads({"kind": 3, "grade": 4}, conditioning=Component(conditioning)).linked(
        {"grade": "conditional"}
    )
    model = MODELS.build(Component.of("TinyNet", width=1), heads=heads, image_size=(16, 16), fresh=True)
    logits = model(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
    torch.testing.assert_close(logits["grade"].exp().sum(dim=1), torch.ones(2))
