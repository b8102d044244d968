"""Several workers for one run over folds: the same bytes as one after another, whoever is killed."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch

from tests.tools.workers.three_folds import (
    FOLDS,
    THREE,
    assert_same_bytes,
    command,
    next_run,
    podium,
)
from tests.waiting import wait_for
from tools.workers.record import MemberRecord
from tools.workers.settings import WorkersSettings
from tools.workers.slots import deal_out
from train.checkpoint import newest
from utils.errors import ConfigError, DataError, Diverged


@pytest.mark.slow
def test_two_workers_leave_the_bytes_of_one_after_another(trained):
    with command(trained / "config.ini", *FOLDS, "--workers", 2) as foreman:
        said = foreman.communicate()
    assert foreman.returncode == 0, said
    runs = trained / "runs" / "one"
    assert_same_bytes(runs / "002", runs / "001")
    log = (runs / "002" / "log.txt").read_text()
    assert "2 workers with 1 thread(s) each" in log
    assert all(f"fold-{fold}: finished" in log for fold in range(3))
    assert "Out of fold: 140 images" in log
    assert not list((runs / "002").glob(".worker-*"))  # nothing is left of workers that ended well


@pytest.mark.slow
def test_a_killed_workers_member_is_gone_on_with_to_the_same_bytes(trained):
    runs, run = trained / "runs" / "one", next_run(trained)
    every = ("--set", "callback.Checkpoints.minutes=0")
    foreman = command(trained / "config.ini", *FOLDS, *every, "--workers", 2)
    with foreman:
        member = wait_for(
            lambda: next((m for m in run.glob("fold-*") if newest(m / "checkpoints", "last")), None)
        )
        victim = int(MemberRecord(member).worker.rpartition(":")[2])
        os.kill(victim, signal.SIGKILL)
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 0, error
    assert "was ended by SIGKILL: what it had is gone on with." in out
    reference = runs / "001"
    assert (run / "out_of_fold.csv").read_bytes() == (reference / "out_of_fold.csv").read_bytes()
    assert (run / "scores.json").read_bytes() == (reference / "scores.json").read_bytes()
    assert "Resumed" in (member / "log.txt").read_text()


@pytest.mark.slow
def test_a_killed_foreman_leaves_members_that_another_process_finishes_and_joins(trained):
    runs, run = trained / "runs" / "one", next_run(trained)
    foreman = command(trained / "config.ini", *FOLDS, "--workers", 2)
    with foreman:
        member = wait_for(lambda: next((m for m in run.glob("fold-*") if MemberRecord(m).worker), None))
        worker = int(MemberRecord(member).worker.rpartition(":")[2])
        foreman.kill()
        foreman.communicate()
    wait_for(lambda: not Path(f"/proc/{worker}").exists())  # it was told, and kept its state
    assert not (run / "scores.json").exists()
    assert podium(trained / "config.ini", "--mode", "work", "--run", run) == 0
    assert_same_bytes(run, runs / "001")
    assert podium(trained / "config.ini", "--mode", "work", "--run", run) == 0  # nothing is left to do


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_another_number_of_workers_and_its_own_threads(trained):
    runs, run = trained / "runs" / "one", next_run(trained)
    foreman = command(trained / "config.ini", *FOLDS, "--workers", 2)
    with foreman:
        wait_for(lambda: any((m / "environment.json").exists() for m in run.glob("fold-*")))
        foreman.send_signal(signal.SIGINT)
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 4, (out, error)
    assert f"--resume --config {run / 'config.ini'} --run {run}" in error
    torch.set_num_threads(3)
    assert podium(run / "config.ini", "--resume", "--run", run, "--set", "workers.threads=2") == 0
    assert_same_bytes(run, runs / "001")


@pytest.mark.slow
def test_a_member_that_fails_twice_alike_is_set_aside_and_the_others_are_trained(trained):
    runs, run = trained / "runs" / "one", next_run(trained)
    foreman = command(trained / "config.ini", *FOLDS, "--workers", 2)
    with foreman:
        wait_for(lambda: (run / "fold-2" / "environment.json").exists())
        (run / "fold-2" / "checkpoints").write_text("a file where a folder belongs")
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 4, (out, error)
    assert "1 of 3 members were set aside" in error
    assert "fold-2: " in error
    assert "Traceback" not in error
    assert (run / "fold-0" / "scores.json").exists()
    assert (run / "fold-1" / "scores.json").exists()
    assert json.loads((run / "fold-2" / "failed.json").read_text())["times"] == 2
    (run / "fold-2" / "checkpoints").unlink()
    assert podium(run / "config.ini", "--resume", "--run", run) == 0
    assert_same_bytes(run, runs / "001")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", 2), "there is one run only. Write folds = all"),
        (("--workers", 9, *FOLDS), "[workers] count = 9: there is room for 8, on 8 core(s) here."),
        (("--workers", "many", *FOLDS), "'many'"),
        (("--workers", 0, *FOLDS), "0 is not"),
        (("--mode", "work"), "--mode work helps with the run that --run names"),
        (("--mode", "work", "--run", "077"), "There is no run '077'"),
        (("--mode", "infer", "--workers", 2), "does not take: --workers 2"),
    ],
)
def test_what_workers_can_not_do_is_one_sentence(trained, capsys, arguments, said):
    before = sorted(trained.glob("runs/*/*"))
    assert podium(trained / "config.ini", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert sorted(trained.glob("runs/*/*")) == before


def test_a_run_of_one_or_a_finished_one_needs_no_help(trained, capsys):
    run = trained / "runs" / "one" / "001"
    assert podium(trained / "config.ini", "--mode", "work", "--run", run) == 0
    assert "is finished: nothing is left to do." in capsys.readouterr().out
    assert podium(trained / "config.ini", "--mode", "work", "--run", run / "fold-0") == 2
    assert "is not a run over folds" in capsys.readouterr().err


def test_the_kept_config_has_the_threads_and_not_how_many_workers_there_were(trained):
    text = (trained / "runs" / "one" / "001" / "config.ini").read_text()
    assert "[workers]\ncount = 1\nper_gpu = 1\nthreads = 1\nstarter = processes\n" in text
    environment = json.loads((trained / "runs" / "one" / "001" / "fold-0" / "environment.json").read_text())
    assert environment["threads"] == 1


def test_cores_are_dealt_out_and_a_run_that_goes_on_keeps_its_threads():
    torch.set_num_threads(8)
    for count, threads in ((1, 8), (2, 4), (3, 2), (8, 1)):
        assert deal_out(WorkersSettings(count=count), "auto", "cpu", None, lambda: 0).threads == threads
    assert deal_out(WorkersSettings(count=2), "auto", "cpu", 5, lambda: 0).threads == 5
    assert deal_out(WorkersSettings(count="auto"), "auto", "cpu", None, lambda: 4).count == 4
    assert deal_out(WorkersSettings(count=2, threads=3), "auto", "cpu", None, lambda: 0).threads == 3


def test_each_gpu_is_given_to_its_own_worker(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    dealt = deal_out(WorkersSettings(count="auto", per_gpu=2), "auto", "cuda", None, lambda: 0)
    assert dealt.count == 4
    assert [dealt.environment(i)["CUDA_VISIBLE_DEVICES"] for i in range(4)] == ["4", "6", "4", "6"]
    with pytest.raises(ConfigError, match="there is room for 2, on 2 GPU"):
        deal_out(WorkersSettings(count=3), "auto", "cuda", None, lambda: 0)
    with pytest.raises(ConfigError, match="device = cuda:1 is one GPU"):
        deal_out(WorkersSettings(count=2), "cuda:1", "cuda", None, lambda: 0)


def test_a_member_is_set_aside_after_two_equal_failures_four_of_any_kind_or_three_kills(tmp_path):
    record = MemberRecord(tmp_path)
    assert record.is_open
    assert not record.fail(DataError("a"), final=False).is_final
    assert not record.fail(DataError("b"), final=False).is_final
    assert record.fail(DataError("b"), final=False).is_final
    assert not record.is_open
    record.clear()
    finals = [record.fail(ValueError(str(i)), final=False).is_final for i in range(4)]
    assert finals == [False, False, False, True]
    record.clear()
    assert record.fail(Diverged("nan"), final=True).is_final
    record.clear()
    assert [record.take() for _ in range(4)] == [True, True, True, False]
    assert "killed 3 times" in record.failure.error


def test_kills_after_a_new_checkpoint_are_counted_anew(tmp_path, monkeypatch):
    record = MemberRecord(tmp_path)
    for number in range(8):  # each time it got further
        monkeypatch.setattr("tools.workers.record.checkpoint.newest", lambda *_, step=number: Path(str(step)))
        assert record.take()


@pytest.mark.slow
def test_a_final_fit_is_one_run_whatever_the_config_says_of_workers(trained):
    assert podium(trained / "config.ini", "--final", "001", *THREE, "--set", "workers.count=2") == 0
    run = max((trained / "runs" / "one").glob("0*"))
    assert (run / "scores.json").exists()
    assert "[workers]\ncount = 1\n" in (run / "config.ini").read_text()
