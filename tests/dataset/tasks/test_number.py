"""The label space of a number."""

import numpy as np
import pytest
import torch

from dataset.readers.deal import deal
from dataset.tasks.number import Number
from dataset.tasks.regression import RegressionTask
from utils.errors import DataError

SPACE = Number("price")


def test_nothing_marked_is_no_zero_but_not_known():
    targets = SPACE.targets([{0: 0.0}, (), {0: -2.5}])
    assert targets.dtype == torch.float32
    assert targets[:, 0].tolist()[::2] == [0.0, -2.5]
    assert torch.isnan(targets[1, 0])
    assert SPACE.index(targets).tolist() == [0, -1, 0]


def test_units_and_priors_are_of_the_known_numbers():
    targets = torch.tensor([[1.0], [torch.nan], [3.0], [8.0]])
    assert SPACE.units(targets) == pytest.approx((4.0, np.std([1, 3, 8])))
    assert SPACE.shares(targets).tolist() == [4.0]
    assert SPACE.units(torch.tensor([[5.0], [5.0]])) == (5.0, 1.0)
    with pytest.raises(DataError, match="No training image has a number for 'price'"):
        SPACE.units(torch.full((3, 1), torch.nan))


def test_a_table_keeps_every_bit_of_a_number():
    numbers = torch.randn(50, 1, generator=torch.Generator().manual_seed(1)) * 10 ** torch.arange(50)[:, None]
    numbers = numbers[:30]
    assert torch.equal(SPACE.in_a_file(numbers).float(), numbers)


def test_surprise_is_the_squared_error_of_what_is_known():
    found = SPACE.surprise(torch.tensor([[1.0], [2.0]]), torch.tensor([[4.0], [torch.nan]]))
    assert found.tolist() == [9.0, 0.0]


@pytest.mark.parametrize("unknown", [0, 30])
def test_folds_get_the_same_share_of_each_quantile(unknown):
    values = np.random.default_rng(0).lognormal(size=200)
    labels = [{"number": {0: float(value)}} for value in values] + [{"number": ()}] * unknown
    groups = [f"{row:03d}" for row in range(len(labels))]
    folds = deal(RegressionTask(), labels, groups, 5, 0, stratified=True)
    tenth = np.searchsorted(np.quantile(values, np.arange(1, 10) / 10), values, side="right")
    counts = np.array([np.bincount(tenth[folds[:200] == fold], minlength=10) for fold in range(5)])
    assert counts.tolist() == [[4] * 10] * 5
    assert np.bincount(folds[200:], minlength=5).tolist() == [unknown // 5] * 5


def test_equal_numbers_are_one_stratum_and_few_images_have_few():
    assert SPACE.strata(torch.ones(60, 1)).any(axis=0).sum() == 1
    assert SPACE.strata(torch.arange(25.0)[:, None]).sum(axis=0).tolist() == [12, 13]
    assert SPACE.strata(torch.full((4, 1), torch.nan)).shape == (4, 0)


def test_a_difference_is_a_share_of_the_largest_number():
    before, after = torch.tensor([[2000.0], [0.0]]), torch.tensor([[2002.0], [0.0]])
    assert SPACE.difference(before, after) == pytest.approx(1e-3)
