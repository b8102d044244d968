"""The benchmark's arithmetic, and that it finds what is wrong with a run."""

import json
import sys

import pytest
import torch

from benchmarks import time_limit
from train import checkpoint


def test_limits_are_the_same_for_a_seed_and_within_their_bounds():
    found = time_limit.limits(50, 60, 360, seed=1)
    assert found == time_limit.limits(50, 60, 360, seed=1) != time_limit.limits(50, 60, 360, seed=2)
    assert min(found) >= 60
    assert max(found) <= 360


def test_the_report_is_a_table_and_a_line_of_json():
    found = [time_limit.Timed(100, 90.0, ""), time_limit.Timed(60, 66.0, "exit code 1: x")]
    *table, last = time_limit.report(found).splitlines()
    whole = json.loads(last)
    assert (whole["median"], whole["max"], whole["faults"]) == (1.0, 1.1, 1)
    assert [run["ratio"] for run in whole["runs"]] == [0.9, 1.1]
    assert table[1].split() == ["100", "90.0", "0.900", "ok"]
    assert table[-1] == "median 1.000, max 1.100, 1 faults"


@pytest.fixture
def run(tmp_path):
    """A finished run's folder."""
    checkpoint.save(tmp_path / "checkpoints", "best", 1, {"model": {"a": torch.zeros(2)}})
    (tmp_path / "scores.json").write_text("{}")
    return tmp_path


def writes(run, text):
    return [sys.executable, "-c", f"open({str(run / 'submission.csv')!r}, 'w').write({text!r})"]


def test_a_whole_run_has_no_fault(run):
    assert time_limit.fault(run, writes(run, "id,label\na,1\n")) == ""


def test_each_fault_is_named(run):
    assert "empty cells" in time_limit.fault(run, writes(run, "id,label\na,\n"))
    assert "no rows" in time_limit.fault(run, writes(run, "id,label\n"))
    assert "infer: exit code 3" in time_limit.fault(run, [sys.executable, "-c", "raise SystemExit(3)"])
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"")
    assert time_limit.fault(run, []) == "no valid checkpoint"
    (run / "scores.json").unlink()
    assert time_limit.fault(run, []) == "not finished"


def test_a_process_that_fails_is_a_fault(tmp_path):
    found = time_limit.timed(60, [sys.executable, "-c", "raise SystemExit(2)"], tmp_path)
    assert found.fault.startswith("exit code 2")
    assert 0 < found.ratio < 1
