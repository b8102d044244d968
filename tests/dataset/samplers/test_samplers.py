"""Every sampler is a pure function of (seed, epoch) over the rows that it may use."""

from collections import Counter

import numpy as np
import pytest
import torch

from dataset.samplers.base import SAMPLERS
from utils.errors import ConfigError
from utils.registry import Component

OPTIONS = {"FewPerGroup": {"space": "mask", "limit": 2}}
ROWS = np.array([row for row in range(70) if row % 7 != 3])  # one photo of each person is left out


def build(name, seed=0, *, rows=ROWS, targets=None, **changed):
    mask = torch.eye(3)[torch.tensor([0, 0, 0, 0, 0, 1, 2] * 10)]
    groups = [f"person {row // 7}" for row in range(70)]
    component = Component.of(name, **{**OPTIONS.get(name, {}), **changed})
    targets = {"mask": mask} if targets is None else targets
    return SAMPLERS.build(component, rows=rows, targets=targets, groups=groups, seed=seed)


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


def test_few_per_group_tells_images_with_several_labels_apart_by_all_of_them():
    worn, young, male = [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]
    tags = torch.tensor([worn, worn, worn, worn, worn, young, male] * 10)
    order = build("FewPerGroup", targets={"tags": tags}, space="tags", limit=2).order(0)
    counts = Counter((int(row) // 7, str(tags[int(row)].tolist())) for row in order)
    assert set(counts) == {(person, str(labels)) for person in range(10) for labels in (worn, young, male)}
    assert {labels: count for (_, labels), count in counts.items()} == {
        str(worn): 2, str(young): 1, str(male): 1,
    }  # fmt: skip


def test_few_per_group_names_the_spaces_there_are():
    with pytest.raises(ConfigError, match=r"'maks' is not one of mask. Did you mean 'mask'"):
        build("FewPerGroup", space="maks")


def test_few_per_group_without_a_space_takes_one_random_photo_of_each_person():
    sampler = build("FewPerGroup", space="none", limit=1)
    assert len(sampler) == 10
    photos = [sorted(sampler.order(epoch).tolist()) for epoch in range(60)]
    for rows in photos:
        assert [row // 7 for row in rows] == list(range(10))
    assert {row for rows in photos for row in rows} == set(ROWS.tolist())


def one_hot(labels, count):
    return torch.eye(count)[torch.as_tensor(labels)]


def drawn(sampler, epochs=200):
    """Return how often each row is drawn in an epoch, on average."""
    orders = np.concatenate([sampler.order(epoch) for epoch in range(epochs)])
    return np.bincount(orders) / epochs


# Trap: a published sampler took weights from value_counts, which is sorted by frequency, so rare classes
# got the weights of others.
def test_weights_belong_to_their_own_class_and_not_to_the_one_with_that_rank():
    labels = np.repeat([0, 1, 2, 3], [3, 40, 7, 20])  # by frequency the order is 1, 3, 2, 0
    sampler = build(
        "Weighted", rows=np.arange(70), targets={"mask": one_hot(labels, 4)}, power=1, space="mask"
    )
    of_class = [sampler.probabilities[labels == label] for label in range(4)]
    for share, count in zip(of_class, (3, 40, 7, 20), strict=True):
        assert share == pytest.approx(1 / count / 4)


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_rows_are_drawn_as_often_as_their_class_is_rare(power):
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [4, 46, 20]))
    rows = np.array([row for row in range(70) if row % 5])
    counts = np.bincount(labels[rows])
    sampler = build("Weighted", rows=rows, targets={"mask": one_hot(labels, 3)}, power=power)
    frequency = np.append(drawn(sampler), np.zeros(70))[:70]
    assert len(sampler) == len(rows)
    assert frequency[::5].sum() == 0  # not among the rows that may be trained on
    weights = counts[labels[rows]] ** -float(power)
    expected = len(rows) * weights / weights.sum()
    deviation = np.sqrt(expected / 200)
    assert (np.abs(frequency[rows] - expected) < 5 * deviation).all()
    if power == 1:  # the imbalanced-dataset-sampler: each class as often as any other
        of_class = [frequency[labels == label].sum() for label in range(3)]
        assert of_class == pytest.approx([len(rows) / 3] * 3, rel=0.03)


def test_without_a_space_a_class_is_what_all_spaces_say_together():
    mask = np.array([0] * 50 + [1] * 20)
    age = np.array([0] * 45 + [1] * 5 + [0] * 4 + [1] * 16)
    targets = {"mask": one_hot(mask, 2), "age": one_hot(age, 2)}
    sampler = build("Weighted", rows=np.arange(70), targets=targets)
    for cell, count in (((0, 0), 45), ((0, 1), 5), ((1, 0), 4), ((1, 1), 16)):
        inside = (mask == cell[0]) & (age == cell[1])
        assert sampler.probabilities[inside] == pytest.approx(1 / count / 4)
    joint = {"class": one_hot(2 * mask + age, 4)}  # one head or two: the same draws
    same = build("Weighted", rows=np.arange(70), targets=joint)
    assert sampler.order(5).tolist() == same.order(5).tolist()
    by_age = build("Weighted", rows=np.arange(70), targets=targets, space="age")
    assert by_age.probabilities[age == 1].sum() == pytest.approx(0.5)
    assert by_age.probabilities[:45] == pytest.approx(0.5 / 49)


def test_several_labels_soft_labels_and_none_make_classes_too():
    tags = torch.tensor([[1.0, 1, 0]] * 4 + [[1, 1, 1]] * 2 + [[0, 0, 0]])
    sampler = build("Weighted", rows=np.arange(7), targets={"tags": tags})
    assert sampler.probabilities == pytest.approx([1 / 12] * 4 + [1 / 6] * 2 + [1 / 3])
    soft = torch.tensor([[0.9, 0.1]] * 2 + [[0.8, 0.2]] * 2 + [[0.3, 0.7]])
    sampler = build("Weighted", rows=np.arange(5), targets={"age": soft})
    assert sampler.probabilities == pytest.approx([1 / 8] * 4 + [1 / 2])


def test_weighted_names_the_spaces_there_are():
    with pytest.raises(ConfigError, match=r"'maks' is not one of mask. Did you mean 'mask'"):
        build("Weighted", space="maks")


def test_weighted_is_as_torchs_weighted_sampler_in_the_long_run():
    labels = np.repeat([0, 1], [60, 10])
    sampler = build("Weighted", rows=np.arange(70), targets={"mask": one_hot(labels, 2)})
    weights = torch.where(torch.as_tensor(labels) == 0, 1 / 60, 1 / 10)
    theirs = torch.utils.data.WeightedRandomSampler(
        weights, 70 * 200, generator=torch.Generator().manual_seed(0)
    )
    expected = np.bincount(list(theirs), minlength=70) / 200
    found = drawn(sampler)
    assert found[labels == 1].mean() == pytest.approx(expected[labels == 1].mean(), rel=0.05)
    assert found[labels == 0].mean() == pytest.approx(expected[labels == 0].mean(), rel=0.05)
