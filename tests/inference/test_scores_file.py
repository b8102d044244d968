"""scores.json: what a run writes is read, anything else is refused by its name."""

import re

import pytest

from inference.scores_file import read_scores
from utils.durable import write_json
from utils.errors import DataError

SCORES = {
    "monitor": "macro_f1",
    "best_epoch": 3,
    "scores": {"loss": 0.5, "macro_f1": 1},
    "intervals": {"macro_f1": [0.5, 1]},
    "best_by": {"loss": {"epoch": 1}},
    "of_folds": {"mean": {"loss": 0.5}, "sd": {}},
    "tuning": {"thresholds": [0.5]},
    "files": {"split.csv": "0"},
    "final": "runs/a/001",
    "leak": {"fold-0": [{"validated": 3}]},
}


def test_what_a_run_writes_is_read(tmp_path):
    write_json(tmp_path / "scores.json", SCORES)
    assert read_scores(tmp_path, *SCORES) == SCORES


@pytest.mark.parametrize("key", [key for key in SCORES if key != "monitor"])
@pytest.mark.parametrize("value", [None, [[]], -1, {"a": "b", "c": [1]}, True, "text"])
def test_a_value_of_another_kind_is_refused_by_its_key_and_file(tmp_path, key, value):
    write_json(tmp_path / "scores.json", SCORES | {key: value})
    if (key, value) in [("best_by", {"a": "b", "c": [1]}), ("final", "text")]:  # which may be
        assert read_scores(tmp_path)[key] == value
        return
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}/scores\.json is damaged: {key} = "):
        read_scores(tmp_path)


def test_a_key_that_is_needed_and_missing_is_named(tmp_path):
    write_json(tmp_path / "scores.json", {})
    with pytest.raises(DataError, match=r"scores\.json is damaged: it has neither scores nor final"):
        read_scores(tmp_path)
    with pytest.raises(DataError, match=r"scores\.json is damaged: it does not say best_epoch, scores\."):
        read_scores(tmp_path, "best_epoch", "scores")
