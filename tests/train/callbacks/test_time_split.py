"""What a run says about its own time."""

import logging
import re

import pytest

from tests.train.rig import trainer
from train.callbacks.base import CALLBACKS
from train.callbacks.time_split import TimeSplit, advice, split_line


def test_the_rate_leaves_out_validation_and_pictures():
    line = split_line({"model": 6.0, "validation": 3.0, "other": 1.0}, images=1200)
    assert line == "200 img/s while training. Of all the time: model 60.0%, validation 30.0%, other 10.0%"


PARTS = ("other runs", "data", "augmentation", "optimiser", "validation", "pictures", "other")


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_takes_much_is_said_in_words_with_what_its_end_would_bring(part, on_gpu):
    line = advice({"model": 3.0, part: 1.0}, ["MixUp", "RandAugment"], on_gpu=on_gpu)
    assert line.startswith("25% of the time is ")
    assert "without it the run would be 1.3x as fast: " in line
    assert "MixUp, RandAugment" in line or part != "augmentation"


@pytest.mark.parametrize("part", [*PARTS, "model"])
def test_advice_names_nothing_that_does_not_exist_and_no_gpu_to_who_has_one(part):
    for on_gpu in (False, True):
        line = advice({"nothing": 1.0, part: 9.0}, ["MixUp"], on_gpu=on_gpu)
        for name in re.findall(r"\[callback\.(\w+)\]", line):
            assert name in CALLBACKS.names()
        assert not re.search(r"\[\w+\.X\]|Without its", line)
        assert not (on_gpu and "GPU" in line)


def test_where_the_model_takes_the_time_nothing_else_is_blamed():
    said = advice({"data": 0.1, "model": 3.0}, on_gpu=False)
    assert said.startswith("The model is what takes the time")


def test_a_run_logs_its_split_after_the_first_epoch_and_at_the_end(caplog):
    run = trainer(epochs=3)
    run.callbacks = [TimeSplit(batches=run.batches, augmenter=run.augmenter)]
    with caplog.at_level(logging.INFO, "podium"):
        run.fit()
    first, last = (record.getMessage() for record in caplog.records)
    for line in (first, last):
        assert all(
            f"{part} " in line for part in ("data", "augmentation", "model", "optimiser", "validation")
        )
    assert last.startswith("All 3 epochs: ")
    shares = [float(word.rstrip("%,")) for word in last.split() if word.rstrip(",").endswith("%")]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_a_run_that_is_resumed_after_the_last_step_of_an_epoch_has_no_rate_to_tell_yet(caplog):
    run = trainer(epochs=2)
    run.callbacks = [TimeSplit(batches=run.batches, augmenter=run.augmenter)]
    run.state.batch = len(run.batches)
    with caplog.at_level(logging.INFO, "podium"):
        run.fit()
    (only,) = (record.getMessage() for record in caplog.records)
    assert only.startswith("All 2 epochs: ")


def test_less_work_is_not_advised_where_the_gpu_waits_for_python():
    seconds = {"augmentation": 3.0, "model": 6.0, "optimiser": 1.0}
    assert "batch_size in [train] or fewer augmentations" in advice(seconds, on_gpu=True, gpu_waits=True)
    assert "augmenting images" in advice(seconds, on_gpu=True)
    assert "waiting for images" in advice(seconds | {"data": 5.0}, on_gpu=True, gpu_waits=True)


@pytest.mark.parametrize("part", ["validation", "other"])
def test_no_advice_is_to_train_less(part):
    assert "fewer epochs" not in advice({"model": 3.0, part: 1.0}, on_gpu=False)
