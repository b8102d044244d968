"""What a label space makes of logits and labels."""

import pytest
import torch
from torch.nn import functional

from dataset.tasks.spaces import AnyOf, OneOf


def test_any_of_chooses_each_label_by_itself_from_its_threshold_on():
    logits = torch.tensor([[0.0, 5.0, -5.0], [-1.0, -1.0, -1.0]])
    space = AnyOf("tags", ("a", "b", "c"))
    assert torch.equal(space.probabilities(logits), logits.sigmoid())
    assert space.decide(logits).tolist() == [[True, True, False], [False, False, False]]
    each = AnyOf("tags", ("a", "b", "c"), (0.6, 0.999, 0.001))
    assert each.decide(logits).tolist() == [[False, False, True], [False, False, True]]


def test_a_threshold_between_two_neighbouring_probabilities_divides_them():
    low = torch.tensor(0.3)
    high = torch.nextafter(low, torch.tensor(1.0))
    logits = torch.tensor([[float(torch.logit(low.double()))], [float(torch.logit(high.double()))]])
    found = AnyOf("tags", ("a",)).probabilities(logits).double().flatten().tolist()
    space = AnyOf("tags", ("a",), (sum(found) / 2,))
    assert space.decide(logits).flatten().tolist() == [found[0] > found[1], found[0] != found[1]]


@pytest.mark.parametrize("space", [OneOf("one", ("a", "b", "c")), AnyOf("any", ("a", "b", "c"))])
def test_logits_are_finite_and_give_the_probabilities_and_choices_back(space):
    drawn = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 20
    probabilities = space.probabilities(torch.cat([drawn, torch.tensor([[200.0, -200.0, 0.0]])]))
    logits = space.logits(probabilities)
    assert logits.isfinite().all()
    assert logits.dtype == torch.float64
    torch.testing.assert_close(space.probabilities(logits), probabilities, atol=2e-7, rtol=0)
    assert torch.equal(space.decide(logits[:50]), space.decide(drawn))


def test_any_of_targets_are_multi_hot_and_a_row_of_zeros_is_an_answer():
    assert AnyOf("tags", ("a", "b", "c")).targets([(0, 2), ()]).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert (AnyOf("tags", ("a",)).without, OneOf("kind", ("a",)).without) == ("none", "not labelled")


def test_surprise_is_the_cross_entropy_of_each_image():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    present = torch.tensor([[1.0, 0, 0, 1]] * 5)
    found = AnyOf("tags", ("a", "b", "c", "d")).surprise(logits, present)
    each = functional.binary_cross_entropy_with_logits(logits, present, reduction="none").sum(dim=1)
    torch.testing.assert_close(found, each)
    right = torch.eye(4)[[0, 1, 2, 3, 0]]
    found = OneOf("kind", ("a", "b", "c", "d")).surprise(logits, right)
    torch.testing.assert_close(found, functional.cross_entropy(logits, right, reduction="none"))


def test_thresholds_are_one_for_all_or_one_for_each():
    with pytest.raises(ValueError, match="2 thresholds for 3 labels"):
        AnyOf("tags", ("a", "b", "c"), (0.5, 0.5))
