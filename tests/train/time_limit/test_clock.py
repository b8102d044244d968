"""The process's age."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from train.time_limit import clock

ROOT = Path(__file__).parents[3]


def test_it_counts_from_the_start_of_the_process_and_not_from_the_import() -> None:
    code = (
        "import time; time.sleep(0.5); from train.time_limit.clock import since_start; print(since_start())"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0.5 <= float(done.stdout) <= time.monotonic() - started + 0.02  # ticks of 10 ms


def test_where_the_system_does_not_say_it_counts_from_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "Path", lambda _: Path("/nowhere"))
    first = clock.since_start()
    assert 0 <= first <= time.monotonic()
    assert clock.since_start() >= first
