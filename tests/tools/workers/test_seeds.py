"""Folds and seeds by one, two and three workers: the same bytes."""

import pytest

from tests.tools.workers.three_folds import THREE, assert_same_bytes, command_with_eight_cores, next_run


@pytest.mark.slow
def test_folds_with_seeds_leave_the_same_bytes_with_one_two_and_three_workers(trained):
    both, runs = ("--folds", "0,2", "--seeds", 2, *THREE), []
    for workers in (1, 2, 3):
        runs.append(next_run(trained))
        line = (*both, "--set", "workers.threads=1", "--workers", workers)
        with command_with_eight_cores(trained / "config.ini", *line) as process:
            said = process.communicate()
        assert process.returncode == 0, said
    members = ["fold-0-seed-7", "fold-0-seed-8", "fold-2-seed-7", "fold-2-seed-8"]
    for run in runs:
        assert sorted(path.name for path in run.glob("fold-*")) == members
    assert_same_bytes(runs[1], runs[0])
    assert_same_bytes(runs[2], runs[0])
    log = (runs[2] / "log.txt").read_text()
    assert "3 workers with 1 thread(s) each" in log
