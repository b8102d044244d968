"""Damaged files are decoded as Pillow decodes them, or named: never another picture without a word."""

from collections import Counter

import numpy as np
import pytest

from dataset.files.named_files import NamedFiles
from dataset.images.build_store import prepare_some
from dataset.images.decode import decode
from dataset.images.prepare import Prepare
from tests.dataset.images.mutants import TOLERANCE, originals, outcomes, reference


def tried(count, seed, folder):
    """Return how often each outcome came, and what was wrong."""
    found = list(outcomes(count, seed, folder))
    return Counter(result for *_, result in found), [one for one in found if one[2].startswith("silent")]


@pytest.mark.parametrize("name", originals())
def test_whole_files_are_equal_to_what_pillow_decodes_and_none_is_called_damaged(tmp_path, name):
    data = originals()[name]
    (tmp_path / name).write_bytes(data)
    assert not prepare_some(NamedFiles(tmp_path, [name]), [0], Prepare((8, 8))).bad
    expected = reference(data)
    found = decode(tmp_path / name)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= TOLERANCE.get("JPEG" if "jpg" in name else "", 0)


def test_some_hundred_damaged_files_are_equal_to_the_reference_or_named(tmp_path):
    counts, wrong = tried(400, 11, tmp_path)
    assert wrong == []
    assert min(counts["equal"], counts["named"]) > 50  # it is no empty promise


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_equal_to_the_reference_or_named(tmp_path):
    counts, wrong = tried(10_000, 2, tmp_path)
    assert wrong == []
    assert min(counts["equal"], counts["named"]) > 1000
