"""``[train] time_limit``: kept, planned into the run, repeated without the clock, resumed by its plan."""

import csv
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiment import time_limit
from experiment.finished_run import finished_run
from tests.experiment.clocked import Clock, clock_of_steps
from tests.people import lay_out_people
from tests.test_run import CONFIG
from train import checkpoint
from train.callbacks.checkpoints import Checkpoints
from train.state import TrainState
from train.time_limit.keeper import LEAD, Costs

ROOT = Path(__file__).parent.parent
Podium = Callable[..., int]
LIMIT = ("--set", "train.time_limit=20 s")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "data"
    lay_out_people(folder, small=True)
    return folder


@pytest.fixture
def config(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PODIUM_DATA", raising=False)
    path = tmp_path / "config.ini"
    path.write_text(CONFIG.format(data=data, work=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The process's clock, so that what a limit does is the same on every machine."""
    return clock_of_steps(monkeypatch)


@pytest.fixture
def podium(config: Path) -> Podium:
    from run import main

    return lambda *arguments, path=config: main(["--config", str(path), *arguments])


def assert_same_run(one: Path, other: Path) -> None:
    found, expected = finished_run(one), finished_run(other)
    assert found["model"].keys() == expected["model"].keys()
    for name, value in found["model"].items():
        assert torch.equal(value, expected["model"][name]), name
    for name in ("scores.json", "metrics.jsonl", "valid_predictions.csv"):
        texts = [re.sub(r'"seconds": [\d.e-]+', "", (run / name).read_text()) for run in (one, other)]
        assert texts[0] == texts[1], name


def test_a_run_fills_its_time_and_its_plan_repeats_it_without_the_clock(
    podium: Podium, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "_measured", lambda *_: Costs(image=0.0, validation=1.0, end=1.0))
    assert podium(*LIMIT) == 0
    assert 14 <= clock.now <= 20  # what is kept for the last validation and the end takes no time here
    run = tmp_path / "runs" / "test" / "001"
    plan = json.loads((run / "plan.json").read_text())
    assert len((run / "metrics.jsonl").read_text().splitlines()) == sum(plan["validated"])
    assert 60 <= sum(plan["batches"]) <= 150
    assert "4 epochs of about" in (run / "log.txt").read_text()
    assert not list(run.glob(".measure*"))
    clock.now = 10**6
    assert podium("--set", f"train.plan={run}", path=run / "config.ini") == 0
    again = run.with_name("002")
    assert_same_run(run, again)
    assert (again / "plan.json").read_text() == (run / "plan.json").read_text()
    assert podium("--mode", "infer", "--run", "001") == 0
    assert (run / "submission.csv").exists()


class Killed(Exception):
    """The process was killed."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Lets the process die in a run's folder after so many steps, with the state of then on disk."""

    def arm(folder: str, step: int) -> None:
        step_end = Checkpoints.on_step_end

        def killed(self: Checkpoints, state: TrainState) -> None:
            step_end(self, state)
            if self.folder.parent.name == folder and state.step == step:
                monkeypatch.setattr(Checkpoints, "on_step_end", step_end)
                self.save_last(state)
                raise Killed

        monkeypatch.setattr(Checkpoints, "on_step_end", killed)

    return arm


@pytest.mark.parametrize(("step", "after"), [(3, 5.0), (30, 5.0), (30, 13.0)])
def test_a_resumed_run_keeps_its_plan_as_far_as_its_time_goes(
    podium: Podium,
    clock: Clock,
    killed_at: Callable[[str, int], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    after: float,
) -> None:
    monkeypatch.setattr(time_limit, "_measured", lambda *_: Costs(image=0.0, validation=1.0, end=1.0))
    run = tmp_path / "runs" / "test" / "001"
    killed_at("001", step)
    with pytest.raises(Killed):
        podium(*LIMIT)
    assert podium("--set", "train.time_limit=30 s", "--resume") == 2
    assert "[train] time_limit was '20 s' and is now '30 s'" in capsys.readouterr().err
    plan = checkpoint.load(run / "checkpoints", "last")["plan"]  # type: ignore[index]
    clock.now = after
    assert podium(*LIMIT, "--resume") == 0
    assert clock.now <= 20
    final = json.loads((run / "plan.json").read_text())
    if step > LEAD:
        same = sum(final["batches"]) == sum(plan["batches"])
        assert same == (after == 5.0)  # which is more time than the plan had left
    assert podium("--set", f"train.plan={run}", path=run / "config.ini") == 0
    assert_same_run(run, run.with_name("002"))


def test_a_limit_is_for_all_folds_together_and_each_has_a_plan(
    podium: Podium, clock: Clock, killed_at: Callable[[str, int], None], tmp_path: Path
) -> None:
    limit = ("--set", "train.time_limit=60 s", "--folds", "0,1,2")
    clock.step = 0.4
    killed_at("fold-1", 12)
    with pytest.raises(Killed):
        podium(*limit)
    assert clock.now <= 5 + 2 * 55 / 3
    clock.now = 5.0
    assert podium(*limit, "--resume") == 0
    assert 40 <= clock.now <= 60
    run = tmp_path / "runs" / "test" / "001"
    steps = [sum(json.loads((run / f"fold-{n}" / "plan.json").read_text())["batches"]) for n in range(3)]
    assert min(steps[:2]) > 20
    assert steps[2] > steps[0]  # what the second had already done is left for the third
    clock.now = 10**6
    assert podium("--set", f"train.plan={run}", path=run / "config.ini") == 0
    for fold in range(3):
        assert_same_run(run / f"fold-{fold}", run.with_name("002") / f"fold-{fold}")


def test_early_stopping_may_end_a_run_before_its_limit(podium: Podium, clock: Clock, tmp_path: Path) -> None:
    stopping = ("--set", "callback.EarlyStopping.patience=1", "--set", "optimizer.lr=0.0000001")
    assert podium(*LIMIT, *stopping, "--set", "train.epochs=12") == 0
    assert clock.now < 16
    run = tmp_path / "runs" / "test" / "001"
    assert podium("--set", f"train.plan={run}", path=run / "config.ini") == 0
    assert_same_run(run, run.with_name("002"))


def test_a_limit_that_is_too_short_says_how_long_it_takes_and_leaves_no_run(
    podium: Podium, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert podium("--set", "train.time_limit=6 s") == 2
    error = capsys.readouterr().err
    least = re.search(r"6 s are too short for 8 steps, .* About (\d+) s are enough here, 5 s", error)
    assert least is not None, error
    assert not list((tmp_path / "runs").rglob("config.ini"))
    assert podium("--set", f"train.time_limit={least[1]} s") == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("train.time_limit=ten", "'ten' is not a length of time such as 90 s"),
        ("train.plan=/nowhere", "there is no /nowhere/plan.json"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    podium: Podium, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, problem: str
) -> None:
    assert podium("--set", change) == 2
    assert problem in capsys.readouterr().err
    assert not list((tmp_path / "runs").rglob("config.ini"))


def test_a_damaged_plan_is_refused(
    podium: Podium, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("{", "{}", "[]"):
        (tmp_path / "plan.json").write_text(text)
        assert podium("--set", f"train.plan={tmp_path}") == 2
        assert f"{tmp_path / 'plan.json'} is damaged" in capsys.readouterr().err


def test_a_plan_of_other_epochs_is_refused(
    podium: Podium, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert podium(*LIMIT) == 0
    run = tmp_path / "runs" / "test" / "001"
    assert podium("--set", f"train.plan={run}", "--set", "train.epochs=5") == 2
    assert "is of a run with 4 epochs; this one has 5" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.alone
def test_a_process_keeps_a_limit_of_30_seconds_on_the_demo_data(tmp_path: Path) -> None:
    lay_out_people(tmp_path / "data", people=60, eval_people=4)
    places = [f"paths.{name}={tmp_path / name}" for name in ("data", "runs", "cache")]
    command = [sys.executable, "run.py", *(part for place in places for part in ("--set", place))]
    started = time.monotonic()
    limited = [*command, "--set", "train.time_limit=30 s"]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert 15 <= seconds <= 30
    run = tmp_path / "runs" / "demo" / "001"
    assert checkpoint.load(run / "checkpoints", "best") is not None
    infer = subprocess.run(
        [*command, "--mode", "infer"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert infer.returncode == 0, infer.stderr
    assert len(list(csv.reader((run / "submission.csv").read_text().splitlines()))) > 4
