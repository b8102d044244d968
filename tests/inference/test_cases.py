"""One answer about several images: numpy's mean of each group."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.readers.cases import EvalCases
from dataset.tasks.number import Number
from dataset.tasks.spaces import AnyOf, OneOf
from inference.cases import answers_of, of_each_image, pooled
from inference.predict import Predictions

SPACES = (OneOf("kind", ("a", "b", "c")), AnyOf("tags", ("x", "y")), Number("age"))


def drawn(rows: np.ndarray, seed: int = 0) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    logits = {s.name: 4 * torch.randn(len(rows), len(s.labels), generator=generator) for s in SPACES}
    return Predictions(rows, logits, {name: values.round() for name, values in logits.items()})


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 10**6), st.data())
def test_pooling_is_numpys_mean_of_each_case(cases: list[int], seed: int, data: st.DataObject) -> None:
    case_of = np.array(cases)
    kept = data.draw(st.lists(st.sampled_from(range(len(cases))), min_size=1, unique=True))
    predictions = drawn(np.array(sorted(kept)), seed)
    means = pooled(predictions, case_of, SPACES)

    seen = case_of[predictions.rows]
    order = list(dict.fromkeys(seen.tolist()))  # of their first images
    firsts = [int(np.flatnonzero(seen == case)[0]) for case in order]
    assert means.rows.tolist() == predictions.rows[firsts].tolist()
    for space in SPACES:
        values = space.probabilities(predictions.logits[space.name]).double().numpy()
        expected = np.stack([values[seen == case].mean(axis=0) for case in order])
        assert space.probabilities(means.logits[space.name]).numpy() == pytest.approx(expected, abs=2e-6)
        assert means.targets[space.name].equal(predictions.targets[space.name][firsts])


def test_without_two_images_of_a_case_every_bit_stays() -> None:
    predictions = drawn(np.array([0, 2, 3]))
    assert pooled(predictions, None, SPACES) is predictions
    assert pooled(predictions, np.array([0, 0, 1, 2]), SPACES) is predictions


def test_rows_beyond_the_table_are_cases_of_their_own() -> None:
    means = pooled(drawn(np.array([0, 1, 2, 3])), np.array([0, 0]), SPACES)
    assert means.rows.tolist() == [0, 2, 3]


def test_numbers_that_are_sure_stay_finite() -> None:
    logits = {"kind": torch.tensor([[200.0, 0, 0], [200.0, 0, 0]])}
    means = pooled(Predictions(np.arange(2), logits, {}), np.zeros(2, np.int64), SPACES[:1])
    assert means.logits["kind"].isfinite().all()
    assert means.logits["kind"].dtype == torch.float32


def test_rows_of_cases_and_of_images_get_their_cases_answer() -> None:
    predictions = drawn(np.array([0, 1, 3]))  # the third image can't be read
    by_case = EvalCases.by_case(("p", "q", "r"), (2, 1, 1))
    answers = answers_of(predictions, by_case, SPACES)
    assert answers.rows.tolist() == [0, 2]
    age = predictions.logits["age"][:, 0]
    assert answers.logits["age"][:, 0].tolist() == pytest.approx([float(age[:2].mean()), float(age[2])])

    by_image = EvalCases.by_image(("p", "p", "q", "r"))
    answers = answers_of(predictions, by_image, SPACES)
    assert answers.rows.tolist() == [0, 1, 3]
    assert answers.logits["age"].equal(of_each_image(predictions, by_image, SPACES).logits["age"])
    assert answers.logits["age"][0] == answers.logits["age"][1]


def test_an_image_answers_for_one_of_its_case_that_cannot_be_read() -> None:
    by_image = EvalCases.by_image(("p", "q", "p"))
    answers = answers_of(drawn(np.array([0, 1])), by_image, SPACES)
    assert answers.rows.tolist() == [0, 1, 2]
    assert answers.logits["age"][0] == answers.logits["age"][2]
