"""Where a run goes on from, and which weights are its best: never another epoch's."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from experiment.kept import best_of, best_of_epoch, give_weights, state_to_resume
from train import checkpoint
from train.monitor import Monitor
from utils.errors import DataError, ResumableStop

MONITOR = Monitor("f1")
SCORES = (0.1, 0.9, 0.5, 0.4)


def entries(epochs: int) -> list[dict[str, float]]:
    return [{"epoch": n + 1, "f1": SCORES[n], "seconds": 0.25} for n in range(epochs)]


def save_last(run: Path, epochs: int) -> None:
    state = {"history": entries(epochs), "epoch": epochs, "batch": 0, "step": 10 * epochs}
    checkpoint.save(run / "checkpoints", "last", 10 * epochs, state)


def save_best(run: Path, epoch: int) -> None:
    values = {"model": {"w": torch.full((2,), float(epoch))}, "scores": entries(epoch)[-1]}
    checkpoint.save(run / "checkpoints", "best", 10 * epoch, values)


def flip(run: Path, stem: str) -> None:
    path = run / "checkpoints" / f"{stem}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """After two epochs, of which the second is the better one."""
    for epoch in (1, 2):
        save_best(tmp_path, epoch)
        save_last(tmp_path, epoch)
    return tmp_path


def test_a_run_goes_on_from_its_newest_state(run: Path) -> None:
    assert state_to_resume(run, MONITOR)["epoch"] == 2


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    assert state_to_resume(tmp_path, MONITOR) is None
    save_best(tmp_path, 1)  # of the first epoch, whose state was not kept any more
    assert state_to_resume(tmp_path, MONITOR) is None
    (tmp_path / "checkpoints" / "last-0000010.safetensors").write_bytes(b"half")
    assert state_to_resume(tmp_path, MONITOR) is None


@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_best_weights_that_are_damaged_are_trained_again_from_the_state_before(
    run: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    if how == "flipped":
        flip(run, "best-0000020")
    else:
        (run / "checkpoints" / "best-0000020.json").unlink()
    with caplog.at_level(logging.WARNING, "podium"):
        assert state_to_resume(run, MONITOR)["epoch"] == 1
    assert "The weights of epoch 2, the best so far, are damaged or gone" in caplog.text


def test_where_no_state_has_its_best_weights_the_run_stops_with_code_4_and_says_what_to_do(run: Path) -> None:
    save_last(run, 3)
    save_last(run, 4)  # so none of epoch 1 is left
    flip(run, "best-0000020")
    with pytest.raises(ResumableStop, match=r"checkpoints holds no state .* delete that folder") as stop:
        state_to_resume(run, MONITOR)
    assert stop.value.exit_code == 4


def test_a_state_that_is_not_podiums_is_passed_over(run: Path) -> None:
    checkpoint.save(run / "checkpoints", "last", 30, {"history": "none", "epoch": 3})
    assert state_to_resume(run, MONITOR)["epoch"] == 2


def test_best_weights_are_never_those_of_an_older_epoch(run: Path) -> None:
    wanted = entries(2)[-1]
    assert best_of(run, wanted)["model"]["w"].tolist() == [2.0, 2.0]
    flip(run, "best-0000020")
    with pytest.raises(ResumableStop, match="weights of epoch 2, the best one, are damaged"):
        best_of(run, wanted)
    with pytest.raises(DataError, match="weights of epoch 2, the best one, are damaged"):
        best_of_epoch(run, 2)


def test_an_epoch_that_was_trained_again_otherwise_leaves_the_older_best_in_force(run: Path) -> None:
    stale = {**entries(2)[-1], "f1": 0.95}
    values: dict[str, Any] = {"model": {"w": torch.zeros(2)}, "scores": stale}
    checkpoint.save(run / "checkpoints", "best", 30, values)  # of a process that was killed after it
    assert best_of(run, entries(2)[-1])["model"]["w"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("weights", [{"weight": torch.zeros(3, 2)}, {"other": torch.zeros(1)}, {}])
def test_weights_of_another_model_are_refused_by_the_runs_name(weights: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="checkpoints holds a checkpoint of another model than") as refusal:
        give_weights(torch.nn.Linear(2, 2), {"model": weights}, tmp_path)
    assert str(tmp_path) in str(refusal.value)
