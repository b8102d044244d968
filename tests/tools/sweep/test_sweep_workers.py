"""Trials taken by several workers: none lost or doubled, whoever is killed, and all of it in time."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest

from experiment import time_limit
from experiment.run_folder import FINISHED
from run import main
from tests.experiment.clocked import clock_of_steps
from tests.tools.sweep.drawn import config_of, data_of, podium, whole_podium
from tools.sweep import budget, process, trial
from tools.sweep.trial import TrialRuns
from train.checkpoint import newest
from train.time_limit.keeper import Costs

pytest.importorskip("optuna", reason="needs the extra sweep: pip install -r requirements-sweep.txt")
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
TWO = ("--mode", "sweep", "--workers", 2)
EVERY = ("--set", "callback.Checkpoints.minutes=0")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return data_of(tmp_path_factory.mktemp("sweeps"))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")


def rows_of(folder):
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


def workers_of(process):
    """Return the processes of a foreman's workers: forks of it, that have started no other program."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if program_of(child) == program_of(process.pid)]


def program_of(process):
    try:
        return Path(f"/proc/{process}/exe").readlink()
    except FileNotFoundError:  # it has ended
        return None


@pytest.mark.slow
def test_workers_that_are_killed_again_and_again_lose_and_double_no_trial(data, tmp_path):
    config = config_of(tmp_path, data, trials=6, repeat=1, epochs=3)
    folder = tmp_path / "runs" / "test_sweep" / "001"
    foreman, kills, seen = podium(config, *TWO, *EVERY), 0, set()
    with foreman:
        while foreman.poll() is None and kills < 4:  # each time that something new was kept
            kept = {p for p in folder.glob("trial-*/checkpoints/last-*.json") if p not in seen}
            workers = workers_of(foreman) if kept else []
            if workers:
                os.kill(workers[kills % len(workers)], signal.SIGKILL)
                kills += 1
                seen |= set(folder.glob("trial-*/checkpoints/last-*.json"))
            time.sleep(0.02)
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 0, (out, error)
    assert kills == 4
    assert "was ended by SIGKILL: what it had is gone on with." in out
    rows = rows_of(folder)
    assert [row["trial"] for row in rows] == [str(number) for number in range(6)]
    assert {(row["state"], row["epochs"]) for row in rows} == {("complete", "3")}
    assert len(list(folder.glob("trial-*"))) == 6
    result = json.loads((folder / "result.json").read_text())
    assert len(result["scores_of_other_seeds"]) == 1
    assert len(list(folder.glob("repeat-*"))) == 1
    assert not list(folder.glob(".worker-*.log")) or kills

    best = podium(folder / "best.ini")  # the bits of the trial, whoever trained it and however often killed
    out, error = best.communicate(timeout=600)
    assert best.returncode == 0, (out, error)
    own, again = folder / f"trial-{result['best']:03d}", tmp_path / "runs" / "test" / "001"
    for name in ("valid_predictions.csv", FINISHED):
        assert (again / name).read_bytes() == (own / name).read_bytes()


@pytest.mark.slow
def test_a_trial_of_several_folds_is_scored_on_all_of_them_and_repeated_by_its_config(data, tmp_path):
    more = "[dataset]\n"
    config = config_of(tmp_path, data, trials=2)
    config.write_text(config.read_text().replace("[sweep]\n", "[sweep]\nfolds = 0, 2\n"), encoding="utf-8")
    process = podium(config, "--mode", "sweep")
    out, error = process.communicate(timeout=1200)
    assert process.returncode == 0, (out, error, more)
    folder = tmp_path / "runs" / "test_sweep" / "001"
    for row in rows_of(folder):
        own = folder / f"trial-{int(row['trial']):03d}"
        assert sorted(path.name for path in own.glob("fold-*")) == ["fold-0", "fold-2"]
        assert float(row["score"]) == json.loads((own / FINISHED).read_text())["scores"]["macro_f1"]
        assert row["epochs"] == "1"  # of its first fold, by which it could have been pruned
    best = json.loads((folder / "result.json").read_text())["best"]
    again = podium(folder / "best.ini")
    assert again.communicate(timeout=600)[1] == "" or again.returncode == 0
    own = folder / f"trial-{best:03d}"
    for name in ("out_of_fold.csv", FINISHED):
        assert (tmp_path / "runs" / "test" / "001" / name).read_bytes() == (own / name).read_bytes()


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("workers", "limit"), [(1, 20.0), (2, 30.0)])
def test_a_sweep_ends_in_time_with_what_is_finished(data, tmp_path, workers, limit):
    config = config_of(tmp_path, data, trials=500, repeat=1)
    began = time.monotonic()
    line = ("--mode", "sweep", "--set", f"sweep.time_limit={limit:g} s")
    process = whole_podium(config, *line, *(("--workers", workers) if workers > 1 else ()))
    out, error = process.communicate(timeout=600)
    took = time.monotonic() - began
    assert process.returncode == 0, (out, error)
    assert took / limit <= 1.0
    assert took / limit > 0.5  # it is used
    folder = tmp_path / "runs" / "test_sweep" / "001"
    complete = [row for row in rows_of(folder) if row["state"] == "complete"]
    assert 2 <= len(complete) < 500
    assert (folder / "best.ini").exists()
    assert len(json.loads((folder / "result.json").read_text())["scores_of_other_seeds"]) == 1


@pytest.fixture
def clock(monkeypatch):
    """The process's clock, which passes only in training steps."""
    clock = clock_of_steps(monkeypatch)
    for module in (budget, trial):
        monkeypatch.setattr(module, "since_start", clock)
    monkeypatch.setattr(process, "seconds_of_picture", lambda: 1.0)
    return clock


@pytest.mark.slow
def test_a_trial_that_would_not_be_over_in_time_is_stopped_and_gone_on_with(data, tmp_path, clock, capsys):
    config = config_of(tmp_path, data, trials=1, epochs=100_000)
    assert main(["--config", str(config), "--mode", "sweep", "--set", "sweep.time_limit=40 s"]) == 4
    assert 25 <= clock.now <= 40
    error = capsys.readouterr().err
    assert "[sweep] time_limit was over before the first trial was; it is gone on with." in error
    folder = tmp_path / "runs" / "test_sweep" / "001"
    assert newest(folder / "trial-000" / "checkpoints", "last")
    base = folder / "base.ini"
    assert "epochs = 100000" in base.read_text()


@pytest.mark.slow
def test_a_time_limit_of_training_is_that_of_each_trial(data, tmp_path, clock, monkeypatch):
    seconds, train = [], TrialRuns.train

    def timed(*arguments):
        began = clock.now
        score = train(*arguments)
        seconds.append(clock.now - began)
        return score

    monkeypatch.setattr(TrialRuns, "train", timed)
    monkeypatch.setattr(time_limit, "_measured", lambda *_: Costs(image=0.0, validation=1.0, end=1.0))
    config = config_of(tmp_path, data, trials=2, epochs=5)
    line = ("--mode", "sweep", "--set", "train.time_limit=20 s")
    assert main(["--config", str(config), *line]) == 0
    assert [12 <= passed <= 20 for passed in seconds] == [True, True]
    folder = tmp_path / "runs" / "test_sweep" / "001"
    for row in rows_of(folder):
        assert row["state"] == "complete"
        assert (folder / f"trial-{int(row['trial']):03d}" / "plan.json").exists()


def test_a_worker_of_a_sweep_can_not_be_a_task_of_ray(data, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    from experiment.crew import PartedWork
    from tools.workers.ray import Ray
    from utils.errors import ConfigError

    starter = Ray.__new__(Ray)
    with pytest.raises(ConfigError, match="write starter = processes or slurm"):
        starter.begin(PartedWork())
