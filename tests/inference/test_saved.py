"""What runs have written is read as it was, and joined so that each image is there once."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.spaces import AnyOf, OneOf
from dataset.task import Task
from inference.inferrer import write_probabilities
from inference.saved import SavedPredictions, out_of_fold
from utils.errors import DataError

SPACES = (OneOf("one", ("a", "b")), AnyOf("any", ("c",)))
COLUMNS = ("id", "fold")


def saved(names, fold=0, seed=0, name="x.csv"):
    generator = torch.Generator().manual_seed(seed)
    one = torch.rand(len(names), 2, generator=generator, dtype=torch.float64)
    probabilities = {"one": one, "any": torch.rand(len(names), 1, generator=generator, dtype=torch.float64)}
    return SavedPredictions(name, tuple((name, str(fold)) for name in names), probabilities)


def test_what_was_written_is_read(tmp_path):
    made = saved(["a.jpg", "가.jpg"])
    write_probabilities(tmp_path / "p.csv", COLUMNS, made.ids, Task(SPACES), made.probabilities)
    found = SavedPredictions.read(tmp_path / "p.csv", COLUMNS, SPACES)
    assert found.ids == made.ids
    for name, values in made.probabilities.items():
        torch.testing.assert_close(found.probabilities[name], values, atol=5.01e-7, rtol=0)
    write_probabilities(tmp_path / "again.csv", COLUMNS, found.ids, Task(SPACES), found.probabilities)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,0,0.5,0.5,much", "could not convert.*'much'"),
        ("a,0,0.5,nan,0.5", "a probability of one is not from 0 to 1"),
        ("a,0,0.5,0.5,1.5", "a probability of any is not from 0 to 1"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name(tmp_path, row, words):
    (tmp_path / "p.csv").write_text(f"id,fold,one/a,one/b,any/c\n{row}\n")
    with pytest.raises(DataError, match=rf"p\.csv: {words}"):
        SavedPredictions.read(tmp_path / "p.csv", COLUMNS, SPACES)


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
