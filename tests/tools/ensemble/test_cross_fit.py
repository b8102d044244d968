"""What is fitted never sees the people that it is scored on."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.ensemble.pool import EVERY_KIND, drawn, permuted, task
from tools.ensemble.cross_fit import cross_fitted, deal_parts, own_parts
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import ENSEMBLES, Method
from utils.errors import ConfigError


@given(
    people=st.lists(st.integers(0, 8), min_size=2, max_size=40).filter(lambda of: len(set(of)) > 1),
    parts=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_a_person_is_never_in_two_parts_and_each_image_is_in_one(people, parts, seed):
    groups = [f"person {number}" for number in people]
    labels = np.eye(3, dtype=bool)[np.random.default_rng(seed).integers(0, 3, len(groups))]
    part = deal_parts(labels, groups, parts)
    assert part.shape == (len(groups),)
    assert set(part.tolist()) <= set(range(parts))
    assert len(set(part.tolist())) > 1
    assert len(set(zip(groups, part.tolist(), strict=True))) == len(set(groups))
    order = np.random.default_rng(seed).permutation(len(groups))
    again = deal_parts(labels[order], [groups[i] for i in order], parts)
    assert again.tolist() == part[order].tolist()


def test_a_single_person_can_not_be_held_out():
    with pytest.raises(ConfigError, match="of one group"):
        deal_parts(np.ones((3, 1), dtype=bool), ["he", "he", "he"])


def test_folds_that_all_members_have_are_the_parts():
    groups = ("a", "a", "b", "c")
    assert own_parts([("0", "0", "1", "2"), ("0", "0", "1", "2")], groups).tolist() == [0, 0, 1, 2]
    assert own_parts([("0", "0", "1", "2"), ("0", "0", "2", "1")], groups) is None  # another split
    assert own_parts([("4", "4", "4", "4")] * 2, groups) is None  # one fold only
    assert own_parts([("0", "1", "1", "2")], groups) is None  # divides a person


class Watching(Method, Decision):
    """Notes whose images it was fitted on, and whose it was asked about."""

    def __init__(self):
        self.learned, self.pairs = None, []

    def fit(self, first, truth):
        self.learned = set(truth.groups)
        return {"learned": sorted(self.learned)}

    def combine(self, members, fitted, task):
        self.pairs.append((set(fitted["learned"]), len(next(iter(members.values()))[0])))
        return {space: of[0] for space, of in members.items()}

    def apply(self, probabilities, fitted, task):
        self.pairs.append((set(fitted["learned"]), len(next(iter(probabilities.values())))))
        return probabilities


def test_nothing_is_fitted_on_whom_it_is_applied_to():
    members, truth = drawn(task("MaskTask"), 40, 2)
    part = deal_parts(truth.task.marks(truth.targets), truth.groups)
    ensemble, decision = Watching(), Watching()
    found = cross_fitted(ensemble, {"it": decision}, members, truth, part)
    for number in range(5):
        outside = {g for g, p in zip(truth.groups, part.tolist(), strict=True) if p != number}
        assert decision.pairs[number] == (outside, int((part == number).sum()))
        assert ensemble.pairs[2 * number] == decision.pairs[number]
    assert torch.equal(found[""]["age"], members["age"][0])  # each image once, in its place
    assert torch.allclose(
        found["it"]["class"], truth.task.join({s: of[0] for s, of in members.items()})["class"]
    )


@pytest.mark.parametrize("made", EVERY_KIND.values(), ids=EVERY_KIND)
def test_every_ensemble_and_decision_gives_each_image_one_prediction(made):
    members, truth = drawn(made, 40, 3)
    part = deal_parts(made.marks(truth.targets), truth.groups, 2)
    decisions = {name: DECISIONS.get(name)() for name in DECISIONS.names()}
    where = truth.joined.task
    decisions = {name: one for name, one in decisions.items() if one.spaces(where)}
    rows = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    for name in ENSEMBLES.names():
        ensemble = ENSEMBLES.get(name)()
        found = cross_fitted(ensemble, decisions, members, truth, part)
        assert found.keys() == {"", *decisions}
        for said in found.values():
            assert all(values.isfinite().all() for values in said.values())
        again = cross_fitted(ensemble, decisions, *permuted(members, truth, rows), part[rows])
        for key, said in found.items():
            assert all(torch.allclose(again[key][s], of[rows], atol=1e-5) for s, of in said.items()), name


def test_noise_that_is_fitted_gains_nothing():
    # weights of many members that know nothing look good on what they were searched on, not elsewhere
    members, truth = drawn(task("ClassificationTask"), 90, 12, seed=2)
    members["label"] = members["label"][:, torch.randperm(90, generator=torch.Generator().manual_seed(0))]
    part = deal_parts(truth.task.marks(truth.targets), truth.groups)
    ensemble = ENSEMBLES.get("Greedy")()
    inside = truth.score(ensemble.combine(members, ensemble.fit(members, truth), truth.task))
    outside = truth.score(cross_fitted(ensemble, {}, members, truth, part)[""])
    assert inside > outside + 0.05
