"""A sample of what ``make faults`` tries, spread over all of it: the same at each run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USES = ("train", "--folds all", "infer", "final fit", "ensemble", "review")


@pytest.mark.slow
def test_nothing_is_lost_torn_or_different_whatever_goes_wrong() -> None:
    chosen = [word for use in USES for word in (f"--use={use}",)]
    command = [sys.executable, "-m", "tests.faults", "--share=0.004", "--seed=7", "--jobs=1", *chosen]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
