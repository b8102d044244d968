"""A sample of what ``make faults`` tries, spread over all of it: the same at each run."""

from pathlib import Path

import pytest

from tests.forks import python_process

USES = ("train", "--folds all", "infer", "final fit", "ensemble", "review")
SEED = 16294  # which puts most of the chosen moments in the middle of a command


@pytest.mark.slow
def test_nothing_is_lost_torn_or_different_whatever_goes_wrong(tmp_path: Path) -> None:
    chosen = [f"--use={use}" for use in USES]
    harness = ("-m", "tests.faults", "--share=0.002", f"--seed={SEED}", "--jobs=1")  # one of each kind
    process = python_process(tmp_path, *harness, *chosen)
    out, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, out + errors
    assert "28 tried, 0 failed" in out
