"""Every sampler is a pure function of (seed, epoch) over the rows that it may use."""

from collections import Counter

import numpy as np
import pytest
import torch

from dataset.sampler import SAMPLERS
from utils.errors import ConfigError
from utils.registry import Component

OPTIONS = {"FewPerGroup": {"space": "mask", "limit": 2}}
ROWS = np.array([row for row in range(70) if row % 7 != 3])  # one photo of each person is left out


def build(name, seed=0, **changed):
    mask = torch.eye(3)[torch.tensor([0, 0, 0, 0, 0, 1, 2] * 10)]
    groups = [f"person {row // 7}" for row in range(70)]
    component = Component.of(name, **{**OPTIONS.get(name, {}), **changed})
    return SAMPLERS.build(component, rows=ROWS, targets={"mask": mask}, groups=groups, seed=seed)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_every_sampler_keeps_the_contract(name):
    sampler = build(name)
    order = sampler.order(3)
    assert len(order) == len(sampler) == len(sampler.order(4))
    assert set(order.tolist()) <= set(ROWS.tolist())
    assert order.tolist() == build(name).order(3).tolist()
    assert order.tolist() != sampler.order(4).tolist()
    assert order.tolist() != build(name, seed=1).order(3).tolist()


def test_every_image_has_each_row_once():
    assert sorted(build("EveryImage").order(0).tolist()) == ROWS.tolist()


@pytest.mark.parametrize("limit", [1, 2, 4, 9])
def test_few_per_group_takes_at_most_the_limit_of_each_person_and_label(limit):
    sampler = build("FewPerGroup", limit=limit)
    order = sampler.order(0)
    assert len(set(order.tolist())) == len(order)
    worn = Counter(int(row) // 7 for row in order if row % 7 < 5)
    assert set(worn.values()) == {min(limit, 4)}  # 5 photos with a mask, one of them left out
    rest = Counter(int(row) for row in order if row % 7 >= 5)
    assert len(rest) == 20


def test_few_per_group_sees_every_image_in_time():
    sampler = build("FewPerGroup", limit=1)
    seen = {int(row) for epoch in range(40) for row in sampler.order(epoch)}
    assert seen == set(ROWS.tolist())


def test_few_per_group_names_the_spaces_there_are():
    with pytest.raises(ConfigError, match=r"'maks' is not one of mask. Did you mean 'mask'"):
        build("FewPerGroup", space="maks")
