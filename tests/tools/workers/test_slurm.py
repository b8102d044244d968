"""Workers as jobs by submitit: its local executor runs the jobs as SLURM would, requeueing included."""

import os
import signal
import sys
from pathlib import Path

import pytest

from experiment.read_settings import read_sections, settings_from
from tests.tools.workers.three_folds import (
    FOLDS,
    assert_same_bytes,
    command,
    next_run,
    podium,
    whole_command,
)
from tests.waiting import wait_for
from tools.workers.record import MemberRecord
from tools.workers.slurm import Slurm, _parsed
from tools.workers.slurm_job import Job
from tools.workers.starter import Slots
from train.checkpoint import newest
from utils.errors import ConfigError

LOCAL = (
    "--set", "workers.starter=slurm", "--set", "slurm.cluster=local", "--set", "slurm.cpus=1",
    "--set", "slurm.gpus=0",
)  # fmt: skip


@pytest.mark.slow
def test_jobs_leave_the_bytes_of_one_after_another_and_one_that_is_stopped_is_queued_again(trained):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    runs, run = trained / "runs" / "one", next_run(trained)
    every = ("--set", "callback.Checkpoints.minutes=0")
    foreman = whole_command(trained / "config.ini", *FOLDS, *LOCAL, *every, "--workers", 2)
    with foreman:
        member = wait_for(
            lambda: next((m for m in run.glob("fold-*") if newest(m / "checkpoints", "last")), None)
        )
        victim = int(MemberRecord(member).worker.rpartition(":")[2])
        os.kill(victim, signal.SIGTERM)  # as a cluster that wants its node back: the worker ends with code 4
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 0, (out, error)
    assert "2 workers with 1 thread(s) each" in out
    assert "Queued: " in out
    reference = runs / "001"
    for name in ("out_of_fold.csv", "scores.json"):
        assert (run / name).read_bytes() == (reference / name).read_bytes()
    assert "Resumed" in (member / "log.txt").read_text()
    assert not (run / ".slurm").exists()
    assert not list(run.glob(".worker*"))
    assert "starter = processes" in (run / "config.ini").read_text()  # a run does not keep who trained it


@pytest.mark.slow
def test_ctrl_c_lets_jobs_keep_their_state_and_any_starter_goes_on(trained):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    runs, run = trained / "runs" / "one", next_run(trained)
    foreman = command(trained / "config.ini", *FOLDS, *LOCAL, "--workers", 2)
    with foreman:
        member = wait_for(lambda: next((m for m in run.glob("fold-*") if MemberRecord(m).worker), None))
        worker = int(MemberRecord(member).worker.rpartition(":")[2])
        foreman.send_signal(signal.SIGINT)
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 4, (out, error)
    assert f"--resume --config {run / 'config.ini'} --run {run}" in error
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert podium(run / "config.ini", "--resume", "--run", run) == 0
    assert_same_bytes(run, runs / "001")


@pytest.mark.slow
def test_jobs_of_a_command_that_was_killed_go_on_and_the_last_one_joins(trained):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    run = next_run(trained)
    foreman = command(trained / "config.ini", *FOLDS, *LOCAL, "--workers", 2)
    with foreman:
        wait_for(lambda: sum(MemberRecord(m).worker != "" for m in run.glob("fold-*")) == 2)
        foreman.kill()
        foreman.communicate()
    wait_for((run / "scores.json").exists)
    assert_same_bytes(run, trained / "runs" / "one" / "001")


def test_a_job_whose_worker_was_stopped_asks_for_its_place_in_the_queue_a_few_times(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    asked = []
    before = signal.signal(signal.SIGUSR2, lambda *_: asked.append(job.checkpoint()))
    try:
        ends = [sys.executable, "-c", "import sys; sys.exit(4)"]
        job = Job(ends, {}, str(tmp_path), str(tmp_path / "out"), str(tmp_path / "stop"))
        codes = []
        for _ in range(5):
            codes.append(job())
            job = asked[-1].function
        assert codes == [4] * 5
        assert len(asked) == 3  # it got nowhere three times in a row
        (tmp_path / "stop").touch()
        job = Job(ends, {}, str(tmp_path), str(tmp_path / "out"), str(tmp_path / "stop"))
        job()
        assert len(asked) == 3  # whoever stopped it does not want it again
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_job_ends_its_worker_when_it_is_told_to(tmp_path):
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); time.sleep(60)"
    job = Job(
        [sys.executable, "-c", code + " # "], {}, str(tmp_path), str(tmp_path / "out"), str(tmp_path / "stop")
    )
    (tmp_path / "stop").touch()
    assert job() in (4, -signal.SIGTERM)


def settings(config, *overrides):
    return settings_from(read_sections(config, list(overrides)), "it")


def test_what_jobs_ask_for_is_refused_in_a_sentence(trained, capsys, monkeypatch):
    config = trained / "config.ini"
    for arguments, told in (
        (("--set", "slurm.gpus=-1"), "[slurm] gpus: -1 is not at least 0"),
        (("--set", "slurm.time=long"), "'long' is not a length of time"),
        (("--set", "workers.starter=slrum"), "Did you mean 'slurm'?"),
        (("--set", "workers.starter=slurm", "--set", "slurm.more==x"), "is not an option of sbatch"),
    ):
        assert podium(config, *FOLDS, *arguments) == 2
        assert told in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert podium(config, *FOLDS, *LOCAL) == 2
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err
    assert podium(config, *LOCAL) == 2
    assert "[workers] starter = slurm: there is one run only" in capsys.readouterr().err


def test_without_a_cluster_it_says_where_to_give_the_command(trained, capsys, monkeypatch):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert podium(trained / "config.ini", *FOLDS, "--set", "workers.starter=slurm") == 2
    assert "Give the command on a login node" in capsys.readouterr().err


def test_further_options_of_sbatch_are_names_with_values_or_switches():
    assert _parsed(("qos=high", "--constraint=a100", "exclusive")) == {
        "qos": "high",
        "constraint": "a100",
        "exclusive": True,
    }
    with pytest.raises(ConfigError, match="not an option of sbatch"):
        _parsed(("= 3",))


def test_a_cluster_has_room_for_all_members_and_jobs_have_their_own_threads(trained):
    pytest.importorskip("submitit", reason="needs the extra cluster: pip install -r requirements-cluster.txt")
    overrides = ("slurm.cluster=local", "slurm.cpus=6", "workers.count=auto", "workers.starter=slurm")
    starter = Slurm(settings(trained / "config.ini", *overrides))
    assert starter.slots(Slots(1, 1), None) == Slots(1000, 6)
    assert starter.slots(Slots(1, 1), 2).threads == 2  # of a run that goes on
