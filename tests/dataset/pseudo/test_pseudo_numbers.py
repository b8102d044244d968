"""How sure several answers are of a number, and how that stands in a file."""

import numpy as np
import pytest
import torch

from dataset.pseudo.labels import PseudoSettings, confidences
from dataset.pseudo.numbers import as_cell, as_number, from_cell, number_confidence
from dataset.pseudo.thresholds import LeastConfidence
from dataset.tasks.number import Number
from dataset.tasks.spaces import AnyOf, OneOf
from utils.errors import ConfigError

INK, KIND, TAGS = Number("ink"), OneOf("kind", ("a", "b")), AnyOf("tags", ("x",))


@pytest.mark.parametrize("answers", [2, 3, 7])
def test_it_is_one_less_the_spread_of_the_answers_in_units_of_the_truths(answers):
    said = np.random.default_rng(answers).normal(50, 4, (answers, 40))
    expected = np.maximum(0, 1 - said.std(axis=0, ddof=1) / 5.0)
    found = number_confidence(torch.from_numpy(said), 5.0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert ((found >= 0) & (found <= 1)).all()


def test_in_other_units_it_is_the_same():
    said = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 20)))
    torch.testing.assert_close(number_confidence(said, 1.5), number_confidence(said * 1000 - 7, 1500.0))


def test_one_answer_says_nothing_of_how_sure_it_is():
    assert number_confidence(torch.zeros(1, 3), 1.0).isnan().all()
    assert as_cell(float(number_confidence(torch.zeros(1, 3), 1.0)[0])) == ""
    assert np.isnan(from_cell(""))
    assert from_cell(as_cell(0.25)) == 0.25


@pytest.mark.parametrize("text", ["", "NA", "much", "inf", "1,5"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="number"):
        as_number(text)
    assert as_number(" -1.5e3") == -1500.0


def test_probabilities_are_asked_of_labels_only():
    said = {"ink": torch.ones(2, 1), "kind": torch.tensor([[0.9, 0.1], [0.4, 0.6]])}
    assert list(confidences((INK, KIND), said)) == ["kind"]


@pytest.mark.parametrize(
    ("spaces", "options", "words"),
    [
        ((INK, KIND), {"weight": 0.5}, r"weight = 0.5: .*'ink', whose answer is a number"),
        ((KIND, TAGS), {"weight": 0.5}, r"weight = 0.5: .*'tags', where any label may be present"),
        ((INK,), {"hard": True}, r"hard = yes: .*numbers only.* Write hard = no"),
        (
            (INK,),
            {"min_confidence": LeastConfidence(of_space=(("inc", 0.5),))},
            r"min_confidence: .*'inc'.* Did you mean 'ink'",
        ),
    ],
)
def test_what_says_nothing_of_a_number_is_refused_by_name(tmp_path, spaces, options, words):
    with pytest.raises(ConfigError, match=words):
        PseudoSettings(labels=tmp_path, **options).check(spaces)


def test_of_a_class_beside_a_number_the_likeliest_may_be_trained_on(tmp_path):
    PseudoSettings(labels=tmp_path, hard=True, min_confidence=LeastConfidence(0.5)).check((INK, KIND))
