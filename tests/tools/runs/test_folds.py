"""Which folds a row of the table says validated."""

from pathlib import Path

import pytest

from tools.runs.facts import _folds


@pytest.mark.parametrize(
    ("texts", "members", "said"),
    [
        ({"dataset.valid_fold": "3"}, [], "3"),
        ({"run.folds": "all"}, ["fold-0", "fold-1"], "all of 2"),
        ({"run.folds": "0, 1"}, ["fold-0", "fold-1"], "0, 1"),
        (
            {"run.folds": "0, 1"},
            ["fold-0-seed-1", "fold-0-seed-2", "fold-1-seed-1", "fold-1-seed-2"],
            "2 x 2",
        ),
        ({"train.final": "runs/x/001"}, [], "none"),
    ],
)
def test_folds_are_those_that_validated(texts, members, said):
    assert _folds(texts, [Path(member) for member in members]) == said
