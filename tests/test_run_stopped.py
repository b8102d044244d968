"""A run that is stopped anywhere goes on to the same bits, and tells of no epoch that it could lose."""

import errno
import json
import logging
import os
import re
import shlex
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from train import checkpoint
from train.callbacks.events import points_in

EPOCHS = 2
SHORT = (
    "--set", "images.size=16, 16", "--set", f"train.epochs={EPOCHS}", "--set", "train.batch_size=16",
    "--set", "train.monitor=loss", "--set", "optimizer.lr=0.01",
)  # fmt: skip
Podium = Callable[..., int]


class Killed(BaseException):
    """What nothing in the program catches, as it could catch no SIGKILL."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    lay_out_people(folder / "data", eval_people=1)
    (folder / "config.ini").write_text(SMALL_RUN.format(data=folder / "data", work=folder), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(drawn: Path) -> Callable[[str], Path]:
    """A function that gives a run, or one of folds, that nothing disturbed."""
    made: dict[str, Path] = {}

    def run(folds: str) -> Path:
        if folds not in made:
            given = ("--folds", folds) if folds else ()
            name = f"run.name=whole{folds.replace(',', '-')}"
            assert main(["--config", str(drawn / "config.ini"), *SHORT, *given, "--set", name]) == 0
            made[folds] = drawn / "runs" / name.removeprefix("run.name=") / "001"
        return made[folds]

    return run


@pytest.fixture
def podium(drawn: Path, tmp_path: Path) -> Podium:
    """Run the same config with runs of one's own; prepared images are there already."""

    def run(*arguments: str) -> int:
        given = ["--config", str(drawn / "config.ini"), *SHORT, "--set", f"paths.runs={tmp_path / 'runs'}"]
        return main([*given, *arguments])

    return run


def assert_same(one: Path, other: Path) -> None:
    for name in ("valid_predictions.csv", "scores.json", "out_of_fold.csv", "class_table.csv", "split.csv"):
        assert (one / name).exists() == (other / name).exists(), name
        if (one / name).exists():
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    if (one / "checkpoints").exists():
        histories = [
            [json.loads(line) | {"seconds": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]
            for run in (one, other)
        ]
        assert histories[0] == histories[1]
        for name in ("last", "best"):
            models = [checkpoint.load(run / "checkpoints", name)["model"] for run in (one, other)]
            assert all(torch.equal(value, models[1][key]) for key, value in models[0].items())
    for member in sorted(one.glob("fold-*")):
        assert_same(member, other / member.name)


def killed_at_save(number: int, *, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die before or after a checkpoint is written."""
    write, count = checkpoint.write, 0

    def dying(*arguments: object) -> None:
        nonlocal count
        count += 1
        if count == number and not after:
            raise Killed
        write(*arguments)
        if count == number:
            raise Killed

    monkeypatch.setattr(checkpoint, "write", dying)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 2 * EPOCHS + 1))
def test_a_run_killed_at_any_checkpoint_goes_on_to_the_same_bits(
    podium: Podium, whole, tmp_path: Path, number: int, after: bool, monkeypatch
) -> None:
    expected = whole("")
    if number > len(list((expected / "checkpoints").glob("*.json"))):
        pytest.skip("the second epoch was no better")
    with monkeypatch.context() as patch:
        killed_at_save(number, after=after, monkeypatch=patch)
        with pytest.raises(Killed):
            podium()
    run = tmp_path / "runs" / "test" / "001"
    assert podium("--resume") == 0
    assert_same(expected, run)


@pytest.mark.slow
def test_a_run_goes_on_to_the_same_bits_with_checkpoints_that_are_written_behind(
    podium: Podium, whole, tmp_path: Path, monkeypatch
) -> None:
    with monkeypatch.context() as patch:
        killed_at_save(3, after=False, monkeypatch=patch)
        with pytest.raises(Killed):
            podium()
    assert podium("--resume", "--set", "callback.Checkpoints.behind=yes") == 0
    assert_same(whole(""), tmp_path / "runs" / "test" / "001")


@pytest.mark.parametrize("number", [1, 2, 5, 6])
def test_a_run_of_folds_killed_in_any_fold_goes_on_to_the_same_bits(
    podium: Podium, whole, tmp_path: Path, number: int, monkeypatch
) -> None:
    expected = whole("0,1")
    with monkeypatch.context() as patch:
        killed_at_save(number, after=False, monkeypatch=patch)
        with pytest.raises(Killed):
            podium("--folds", "0,1")
    assert podium("--folds", "0,1", "--resume") == 0
    assert_same(expected, tmp_path / "runs" / "test" / "001")


def test_an_epoch_is_printed_logged_and_drawn_only_when_its_checkpoint_is_kept(
    podium: Podium, tmp_path: Path, monkeypatch, caplog
) -> None:
    killed_at_save(2, after=False, monkeypatch=monkeypatch)
    with caplog.at_level(logging.INFO, "podium"), pytest.raises(Killed):
        podium("--set", "callback.TensorBoard.sheet=1")
    run = tmp_path / "runs" / "test" / "001"
    assert "Epoch 1/" not in caplog.text
    assert not (run / "metrics.jsonl").exists()
    assert not [tag for _, tag in points_in(run / "tensorboard") if tag.startswith("epoch/")]
    monkeypatch.undo()
    caplog.clear()
    with caplog.at_level(logging.INFO, "podium"):
        assert podium("--set", "callback.TensorBoard.sheet=1", "--resume") == 0
    assert "Epoch 1/" in caplog.text


def test_an_epoch_whose_checkpoint_was_kept_is_in_the_curves_also_if_the_run_was_killed_right_after(
    podium: Podium, tmp_path: Path, monkeypatch
) -> None:
    with monkeypatch.context() as patch:
        killed_at_save(2, after=True, monkeypatch=patch)
        with pytest.raises(Killed):
            podium("--set", "callback.TensorBoard.sheet=1")
    assert podium("--set", "callback.TensorBoard.sheet=1", "--resume") == 0
    points = points_in(tmp_path / "runs" / "test" / "001" / "tensorboard")
    assert len({step for step, tag in points if tag == "epoch/train_loss"}) == EPOCHS


def test_a_best_epoch_that_is_damaged_before_the_end_is_trained_again(
    podium: Podium, whole, tmp_path: Path
) -> None:
    assert podium() == 0
    run = tmp_path / "runs" / "test" / "001"
    (run / "scores.json").unlink()
    newest = max((run / "checkpoints").glob("best-*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x55")
    assert podium("--resume") == 0
    assert_same(whole(""), run)


MOMENTS = {  # where the signal comes, and the exit code: 4 as soon as there is a run to go on with
    "reading the data": ("experiment.data.open_images", 130),
    "beginning the run": ("experiment.train.create_run", 4),
    "assembling it": ("experiment.one_run.assemble_training", 4),
    "scoring it": ("experiment.finish.intervals", 4),
    "printing where it is": ("experiment.train._say_where", 130),
}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_means_the_same_at_any_moment(
    podium: Podium, whole, tmp_path: Path, moment: str, name: str, monkeypatch, capsys
) -> None:
    place, code = MOMENTS[moment]
    if name != "SIGTERM" and code == 130:
        pytest.skip("the same way for all three")
    with monkeypatch.context() as patch:
        signalled_in(place, name, patch)
        assert podium() == code
    error = capsys.readouterr().err
    assert error.count(name) == 1
    assert "Traceback" not in error
    run = tmp_path / "runs" / "test" / "001"
    if code == 4:
        assert f"Go on with: python run.py --resume --config {run / 'config.ini'} --run {run}" in error
        assert podium("--resume") == 0
    elif not run.exists():
        assert podium() == 0
    assert_same(whole(""), run)
    assert not list(tmp_path.rglob(".new-*"))


def signalled_in(place: str, name: str, patch: pytest.MonkeyPatch) -> None:
    """Let a signal come while a function works."""
    module, _, function = place.rpartition(".")
    usual = getattr(import_module(module), function)

    def interrupted(*arguments: object, **named: object) -> object:
        os.kill(os.getpid(), getattr(signal, name))
        return usual(*arguments, **named)

    patch.setattr(place, interrupted)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_a_signal_in_an_epochs_validation_names_that_epoch(
    podium: Podium, whole, tmp_path: Path, last: bool, monkeypatch, capsys
) -> None:
    write = checkpoint.write

    def interrupted(folder: Path, name: str, step: int, snapshot: checkpoint.Snapshot) -> None:
        if name == "last" and dict(snapshot.plain["pairs"])["epoch"] == (EPOCHS if last else 1):
            os.kill(os.getpid(), signal.SIGTERM)
        write(folder, name, step, snapshot)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write", interrupted)
        assert podium() == 4
    assert f"SIGTERM after epoch {EPOCHS if last else 1}: the state after step" in capsys.readouterr().err
    assert podium("--resume") == 0
    assert_same(whole(""), tmp_path / "runs" / "test" / "001")


FAILING = {  # what of the system fails, and what the one line names
    "weights": ("train.checkpoint.pieces_of", "checkpoints/best-.*safetensors"),
    "text": ("pathlib.Path.write_bytes", "001|new-"),
    "fsync": ("os.fsync", "001|new-"),
    "folder": ("pathlib.Path.mkdir", "cache"),
}


@pytest.mark.parametrize("what", FAILING)
def test_a_full_disk_is_one_line_with_the_file_code_4_and_the_way_on(
    podium: Podium, whole, tmp_path: Path, what: str, monkeypatch, capsys
) -> None:
    place, named = FAILING[what]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(place, Mock(side_effect=full))
        assert podium() == 4
    said = capsys.readouterr().err.splitlines()
    line = rf"WriteFailed: {tmp_path.parent}\S*({named})\S* can't be written: No space left on device\."
    assert re.fullmatch(line, said[-2])
    assert said[-1].startswith("Go on with: python run.py ")
    assert main(shlex.split(said[-1].removeprefix("Go on with: python run.py "))) == 0
    assert_same(whole(""), tmp_path / "runs" / "test" / "001")
