"""Predictions are read as they were written, and what else is in a file is refused with its place."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.mask import MaskTask
from dataset.tasks.spaces import AnyOf, OneOf
from inference.inferrer import write_predictions
from inference.predict import Predictions
from inference.saved import (
    PREDICTED,
    SavedPredictions,
    Validated,
    is_out_of_fold,
    out_of_fold,
    validated_file,
    validated_something,
)
from utils.durable import write_json
from utils.errors import DataError

TASK = MaskTask()
IDS = [("a/1.jpg", "0", "anna"), ("마스크, 1.png", "0", "NA"), ("c.jpg", "1", "carl")]


def predictions(images):
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(images, labels, generator=generator) for name, labels in TASK.heads.items()}
    return Predictions(np.arange(images), logits, logits)


@pytest.fixture
def run(tmp_path):
    """A folder with valid_predictions.csv."""
    write_predictions(tmp_path / "valid_predictions.csv", PREDICTED, IDS, TASK, predictions(3))
    return tmp_path


def change(folder, old, new):
    path = folder / "valid_predictions.csv"
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text)
    path.write_text(re.sub(old, new, text, count=1), encoding="utf-8")


def refusal(folder, spaces=TASK.spaces):
    with pytest.raises(DataError) as caught:
        Validated.read(folder, spaces)
    return str(caught.value)


def test_what_was_written_is_read(run):
    found = Validated.read(run, TASK.spaces)
    assert list(zip(found.ids, found.folds, found.groups, strict=True)) == IDS
    for name, probabilities in TASK.probabilities(predictions(3).logits).items():
        assert found.probabilities[name].dtype == torch.float64
        torch.testing.assert_close(found.probabilities[name], probabilities.double(), atol=6e-7, rtol=0)


def test_predictions_of_all_folds_go_before_those_of_one(run):
    write_predictions(run / "out_of_fold.csv", PREDICTED, IDS[:1], TASK, predictions(1))
    assert Validated.read(run, TASK.spaces).ids == ("a/1.jpg",)


def test_a_file_with_the_id_alone_is_read_as_well(tmp_path):
    write_predictions(tmp_path / "test.csv", ("ImageID",), [("x",), ("y",)], TASK, predictions(2))
    assert SavedPredictions.read(tmp_path / "test.csv", ("ImageID",), TASK.spaces).ids == (("x",), ("y",))


def test_a_file_that_is_missing_is_named(tmp_path):
    assert f"There is no file {tmp_path / 'valid_predictions.csv'}" in refusal(tmp_path)


@pytest.mark.parametrize("gone", [False, True])
def test_what_a_run_validated_is_told_by_its_scores_and_not_by_which_files_are_there(run, gone):
    write_predictions(run / "out_of_fold.csv", PREDICTED, IDS[:1], TASK, predictions(1))
    write_json(run / "scores.json", {"scores": {}, "files": {"out_of_fold.csv": "0"}})
    if gone:
        (run / "out_of_fold.csv").unlink()
    assert validated_file(run) == run / "out_of_fold.csv"
    assert validated_something(run)
    assert is_out_of_fold(run)
    if gone:
        assert f"There is no file {run / 'out_of_fold.csv'}" in refusal(run)


def test_a_run_that_wrote_no_predictions_has_validated_nothing(tmp_path):
    write_json(tmp_path / "scores.json", {"final": "runs/a/001"})
    assert not validated_something(tmp_path)
    assert not is_out_of_fold(tmp_path)


def test_predictions_of_another_task_are_refused_with_all_columns_that_differ(run):
    spaces = (OneOf("mask", ("wear", "incorect", "normal")), OneOf("gender", ("male", "female")))
    message = refusal(run, spaces)
    assert "no column 'mask/incorect', but 'mask/incorrect'" in message
    for column in ("mask/incorrect", "age/young", "age/middle", "age/old"):
        assert f"column '{column}' is of no label" in message
    assert "5 problem(s)" in message


@pytest.mark.parametrize("text", ["many", "nan", "1.5", "-0.1", "inf", ""])
def test_what_is_no_probability_is_named_with_its_line(run, text):
    change(run, r"(c\.jpg,1,carl),[0-9.]+", rf"\1,{text}")
    assert f"valid_predictions.csv line 4: mask/wear = {text!r} is no probability" in refusal(run)


def test_all_that_is_wrong_comes_at_once(run):
    change(run, r"(c\.jpg,1,carl),[0-9.]+", r"\1,x")
    change(run, r"(carl.*),[0-9.]+\n", r"\1,y\n")
    change(run, r"마스크, 1\.png", "c.jpg")
    message = refusal(run)
    for words in ("3 problem(s)", "c.jpg is there 2 times", "mask/wear = 'x'", "age/old = 'y'"):
        assert words in message


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.booleans())
def test_probabilities_become_logits_that_give_them_again(values, any_of):
    labels = tuple(map(str, range(len(values))))
    space = AnyOf("labels", labels) if any_of else OneOf("labels", labels)
    expected = torch.tensor([values], dtype=torch.float64)
    if not any_of:
        expected = (expected + 1e-3) / (expected + 1e-3).sum()
    logits = space.logits(expected)
    assert bool(logits.isfinite().all())
    torch.testing.assert_close(space.probabilities(logits).double(), expected, atol=1e-6, rtol=0)


def test_certain_probabilities_become_finite_logits():
    certain = torch.tensor([[1.0, 0.0]])
    for space in (OneOf("label", ("a", "b")), AnyOf("label", ("a", "b"))):
        assert space.decide(space.logits(certain)).tolist() == [[True, False]]
        assert bool(space.logits(certain).isfinite().all())


JOINED_SPACES = (OneOf("one", ("a", "b")), AnyOf("any", ("c",)))


def saved(names, fold=0, seed=0, name="x.csv"):
    generator = torch.Generator().manual_seed(seed)
    one = torch.rand(len(names), 2, generator=generator, dtype=torch.float64)
    probabilities = {"one": one, "any": torch.rand(len(names), 1, generator=generator, dtype=torch.float64)}
    return SavedPredictions(name, tuple((name, str(fold)) for name in names), probabilities)


@given(
    st.lists(st.text("ab가", min_size=1), min_size=1, max_size=20, unique=True),
    st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_image_is_there_once_with_the_mean_of_its_folds_models(names, folds, seeds, random):
    folds = min(folds, len(names))
    fold_of = [*range(folds), *(random.randrange(folds) for _ in names[folds:])]
    random.shuffle(fold_of)
    parts = [[name for name, fold in zip(names, fold_of, strict=True) if fold == k] for k in range(folds)]
    models = [[saved(part, k, 10 * k + seed) for seed in range(seeds)] for k, part in enumerate(parts)]
    ids, probabilities = out_of_fold(models)
    assert ids == tuple((name, str(k)) for k, part in enumerate(parts) for name in part)
    assert sorted(name for name, _ in ids) == sorted(names)
    expected = np.concatenate(
        [np.mean([m.probabilities["one"].numpy() for m in of], axis=0) for of in models]
    )
    np.testing.assert_allclose(probabilities["one"].numpy(), expected, rtol=1e-12)
    if seeds == 1:
        assert torch.equal(probabilities["any"], torch.cat([of[0].probabilities["any"] for of in models]))


def test_an_image_in_two_folds_and_models_of_different_images_are_refused():
    with pytest.raises(DataError, match=r"1 problem\(s\):\n  - b is in more than one fold"):
        out_of_fold([[saved("ab")], [saved("bc", fold=1)]])
    with pytest.raises(DataError, match=r"x\.csv and y\.csv do not hold the same images in the same order"):
        out_of_fold([[saved("ab"), saved("ba", name="y.csv")]])
