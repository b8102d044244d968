"""Work beside training, and checkpoints that are written so: the same run, told of no earlier than kept."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from dataset.augmentation.train_augmentation import TrainAugmentation
from tests.train.rig import SIZE, assert_same_bits, fixed, tiny, trainer
from train import behind, checkpoint
from train.behind import Behind
from train.callbacks.base import Callback
from train.callbacks.checkpoints import Checkpoints
from train.callbacks.early_stopping import EarlyStopping
from train.callbacks.ema import EMA
from train.callbacks.stop_signals import StopSignals
from train.monitor import Monitor
from train.state import TrainState
from train.trainer import Trainer
from utils.errors import ResumableStop, WriteFailed

LOSS = Monitor("loss")


def test_what_went_wrong_is_raised_where_it_is_waited_for_each_time() -> None:
    work = Behind()

    def fail() -> None:
        raise WriteFailed("the disk is full")

    work.start(fail)
    for _ in range(2):
        with pytest.raises(WriteFailed, match="full"):
            work.wait()
    assert not work.busy


def test_it_does_one_thing_after_another_and_says_what_the_last_one_took() -> None:
    work, go, done = Behind(), threading.Event(), []
    work.start(lambda: (go.wait(), done.append(1))[1])
    assert work.busy
    go.set()
    work.start(lambda: done.append(2))
    work.wait()
    assert done == [1, 2]
    assert not work.busy
    assert 0 < work.seconds < 1


def test_auto_works_beside_a_gpu_alone() -> None:
    assert behind.pays(torch.device("cuda"))
    assert not behind.pays(torch.device("cpu"))
    assert behind.pays(torch.device("cpu"), True)
    assert not behind.pays(torch.device("cuda"), False)


class Told(Callback):
    """Notes what was there when it was told of an epoch, and where training stood then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkpoints"
        self.epochs: list[tuple[int, int, int]] = []  # epoch, its step, and steps that were done meanwhile
        self.steps = 0

    def on_step_end(self, state: TrainState) -> None:
        self.steps = state.step

    def on_epoch_kept(self, state: TrainState) -> None:
        kept = {values["step"]: values for values in checkpoint.generations(self.folder, "last")}
        assert (kept[state.step]["epoch"], kept[state.step]["batch"]) == (state.epoch, state.batch)
        assert kept[state.step]["history"] == state.history
        assert state.batch == 0
        assert state.history[-1]["epoch"] == state.epoch
        assert state.predictions is not None
        self.epochs.append((state.epoch, state.step, self.steps - state.step))


def made(folder: Path, *more: Callback, epochs: int = 3, behind: bool = True) -> Trainer:
    """Return a trainer with momentum, dropout, an average and random crops."""
    keeps = Checkpoints(folder=folder, monitor=LOSS, behind=behind)
    return trainer(
        fixed(tiny, dropout=0.3), epochs=epochs, adam=True, clip=1.0, chain=[TrainAugmentation(size=SIZE)],
        callbacks=[EMA(decay=0.9), *more, keeps],
    )  # fmt: skip


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "checkpoints").iterdir())}


def hold_writing_until(steps: int, monkeypatch: pytest.MonkeyPatch) -> Callback:
    """Let each checkpoint wait until so many further steps are done."""
    go, write = threading.Event(), checkpoint.write

    class Lets(Callback):
        def on_step_end(self, state: TrainState) -> None:
            if state.batch >= steps:
                go.set()

        def on_epoch_end(self, state: TrainState) -> None:
            go.clear()

        def on_fit_end(self, state: TrainState) -> None:
            go.set()

    def slow(*arguments: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            go.wait(timeout=0.5)  # nobody makes further steps after the last epoch
        write(*arguments)

    monkeypatch.setattr(checkpoint, "write", slow)
    return Lets()


def test_an_epoch_is_told_of_during_the_next_one_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(tmp_path)
    made(tmp_path, hold_writing_until(3, monkeypatch), told).fit()
    assert [(epoch, step) for epoch, step, _ in told.epochs] == [(1, 6), (2, 12), (3, 18)]
    meanwhile = [steps for *_, steps in told.epochs]
    assert all(3 <= steps <= 6 for steps in meanwhile[:2])
    assert meanwhile[2] == 0


def test_a_run_that_writes_behind_leaves_the_same_weights_and_states(tmp_path: Path) -> None:
    runs = [made(tmp_path / str(behind), behind=behind) for behind in (False, True)]
    for run in runs:
        run.fit()
    assert_same_bits(runs[0].state, runs[1].state)
    at_once, beside = files_in(tmp_path / "False"), files_in(tmp_path / "True")
    assert at_once.keys() == beside.keys()
    for name, data in at_once.items():
        assert name.endswith(".json") or data == beside[name], name  # the others hold the epochs' seconds


def test_a_checkpoint_that_can_not_be_written_behind_ends_the_run_and_nobody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise WriteFailed("the disk is full")

    told = Told(tmp_path)
    run = made(tmp_path, told)
    monkeypatch.setattr(checkpoint, "write", full)
    with pytest.raises(WriteFailed, match="full"):
        run.fit()
    assert told.epochs == []
    assert run.state.epoch <= 1


def test_a_signal_while_a_checkpoint_is_written_keeps_and_tells_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, lets = Told(tmp_path), hold_writing_until(5, monkeypatch)

    class Sends(Callback):
        def on_step_end(self, state: TrainState) -> None:
            if (state.epoch, state.batch) == (1, 2):
                os.kill(os.getpid(), signal.SIGTERM)

    def fresh(*more: Callback) -> Trainer:
        return made(tmp_path, *more, told, lets, StopSignals(folder=tmp_path, monitor=LOSS))

    with pytest.raises(ResumableStop, match="SIGTERM in epoch 2: the state after step 8 is kept"):
        fresh(Sends()).fit()
    assert [(epoch, step) for epoch, step, _ in told.epochs] == [(1, 6)]


def test_a_run_that_was_killed_while_writing_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(tmp_path / "whole")
    whole.fit()
    write, written = checkpoint.write, []

    def killed(folder: Path, name: str, step: int, snapshot: Any) -> None:
        if step == 12 and name == "last":  # as half of it would stand there
            written.append(step)
            raise KeyboardInterrupt
        write(folder, name, step, snapshot)

    monkeypatch.setattr(checkpoint, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "killed").fit()
    assert written == [12]
    monkeypatch.undo()

    resumed = made(tmp_path / "killed")
    saved = checkpoint.load(tmp_path / "killed" / "checkpoints", "last")
    assert saved is not None
    assert saved["step"] == 6
    resumed.state.load_state_dict(saved)
    resumed.fit()
    assert_same_bits(whole.state, resumed.state)


@pytest.mark.parametrize("behind", [False, True])
def test_early_stopping_ends_after_the_same_epoch(
    behind: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lets = hold_writing_until(4, monkeypatch)
    stops = EarlyStopping(monitor=Monitor("epoch", direction=-1), patience=2)  # never better than the first
    run = made(tmp_path, lets, stops, epochs=6, behind=behind)
    with caplog.at_level("INFO", logger="podium"):
        run.fit()
    assert run.state.epoch == 3
    assert run.state.step == 18
    assert caplog.messages.count("Stopped: epoch has not improved for 2 epochs.") == 1


@pytest.mark.parametrize("behind", [False, True])
def test_a_time_limit_is_told_what_the_last_write_takes_where_the_others_took_no_time(
    behind: bool, tmp_path: Path
) -> None:
    keeps = Checkpoints(folder=tmp_path, monitor=LOSS, behind=behind)
    assert keeps.at_end == 0.0
    run = trainer(fixed(tiny), epochs=2, callbacks=[keeps])
    run.fit()
    assert (keeps.at_end > 0.0) == behind
