"""Losses of a number, against torch's and sklearn's."""

import pytest
import sklearn.metrics as theirs
import torch
from torch.nn import functional

from loss.base import PerHeadLoss
from loss.huber import Huber
from loss.mae import MAE
from loss.mse import MSE
from loss.quantile import Quantile

GENERATOR = torch.Generator().manual_seed(5)
LOGITS = torch.randn(40, 1, generator=GENERATOR, dtype=torch.float64)
TARGETS = 2 * torch.randn(40, 1, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (MSE(), functional.mse_loss),
        (MAE(), functional.l1_loss),
        (Huber(delta=0.7), lambda x, t: functional.huber_loss(x, t, delta=0.7)),
        (
            Quantile(quantile=0.9),
            lambda x, t: theirs.mean_pinball_loss(t.detach().numpy(), x.detach().numpy(), alpha=0.9),
        ),
    ],
    ids=["MSE", "MAE", "Huber", "Quantile"],
)
def test_is_the_references_over_the_known_numbers(loss, reference):
    targets = TARGETS.clone()
    targets[::5] = torch.nan
    known = ~targets.isnan()
    found = loss(LOGITS, targets)
    expected = reference(LOGITS[known], TARGETS[known])
    assert float(found) == pytest.approx(float(expected), rel=1e-12)
    assert float(loss(LOGITS, TARGETS)) == pytest.approx(float(reference(LOGITS, TARGETS)), rel=1e-12)


@pytest.mark.parametrize("loss", [MSE(), MAE(), Huber(), Quantile()])
@pytest.mark.parametrize("unknown", [1, 4])
def test_what_is_not_known_has_no_gradient(loss, unknown):
    logits, targets = torch.randn(4, 1, requires_grad=True), torch.randn(4, 1)
    targets[:unknown] = torch.nan
    value = loss(logits, targets)
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert (logits.grad[:unknown] == 0).all()
    assert (logits.grad[unknown:] != 0).all()


def test_a_quantile_is_between_0_and_1():
    with pytest.raises(ValueError, match="must lie above 0 and below 1"):
        Quantile(quantile=1.0)


def test_losses_see_numbers_in_units_of_the_training_data():
    whole = PerHeadLoss({"price": MSE()}, {"price": 1.0}, units={"price": (100.0, 20.0)})
    found = whole({"price": torch.tensor([[110.0], [90.0]])}, {"price": torch.tensor([[150.0], [torch.nan]])})
    assert float(found) == pytest.approx(4.0)
