"""What a new run measures is kept with it: a resumed or repeated run measures nothing, with the same bits."""

import json
import logging
import re

import pytest
import torch

import experiment.resolve
from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from
from experiment.resolve import as_begun, with_faster_precision, with_fitting_batch
from run import main
from tests.experiment.smallest import SMALL_RUN, SMALLEST
from tests.people import lay_out_people
from utils.device import cpu_has_bfloat16
from utils.errors import ConfigError
from utils.ini import read_ini

MANY = 10**5  # images


def settings(folder, *overrides):
    path = folder / "config.ini"
    path.write_text(SMALLEST, encoding="utf-8")
    return settings_from(read_sections(path, ["run.device=cpu", *overrides]), "config.ini")


def made(folder, *overrides):
    return Experiment.of(settings(folder, *overrides))


@pytest.fixture
def measured(monkeypatch):
    """A CPU that has bfloat16, with what a step, and then a prediction, takes in each precision.

    Returns how often it was asked.
    """
    calls = []

    def taking(plain, half, *predicting, has=True):
        def fastest(works, times):
            for work in works:
                work()
            calls.append(len(works))
            return [[plain, half], predicting or [1.0, 1.0]][len(calls) - 1]

        monkeypatch.setattr(experiment.resolve, "cpu_has_bfloat16", lambda: has)
        monkeypatch.setattr(experiment.resolve, "fastest", fastest)
        return calls

    return taking


@pytest.mark.parametrize(
    ("plain", "half", "name"),
    [(2.0, 1.0, "bfloat16"), (1.0, 2.0, "float32"), (1.0, 1.0, "float32"), (1.2, 1.0, "float32")],
)
def test_the_clearly_faster_precision_is_taken_and_named(tmp_path, measured, caplog, plain, half, name):
    measured(plain, half)
    with caplog.at_level(logging.INFO, "podium"):
        found = with_faster_precision(made(tmp_path), MANY)
    assert found.settings.train.precision == name
    assert found.precision.name == name
    assert found.settings.texts()["train"]["precision"] == name
    assert f"so {name}" in caplog.text


@pytest.mark.parametrize(
    ("plain", "half", "name"),
    [(1.0, 0.5, "bfloat16"), (1.0, 0.9, "float32"), (0.019, 0.004, "float32"), (0.03, 0.02, "bfloat16")],
)
def test_a_net_that_trains_in_float32_predicts_in_what_is_clearly_faster(
    tmp_path, measured, caplog, plain, half, name
):
    calls = measured(1.0, 2.0, plain, half)
    with caplog.at_level(logging.INFO, "podium"):
        found = with_faster_precision(made(tmp_path), MANY)
    train = found.settings.texts()["train"]
    assert (train["precision"], train["eval_precision"]) == ("float32", name)
    assert (found.precision.name, found.eval_precision.name) == ("float32", name)
    assert (
        f"predicting a batch takes {plain:.3f} s in float32 and {half:.3f} s in bfloat16, so {name}"
        in caplog.text
    )
    assert len(calls) == 2


def test_a_net_that_trains_in_bfloat16_predicts_in_it_too(tmp_path, measured):
    calls = measured(2.0, 1.0, 1.0, 2.0)
    found = with_faster_precision(made(tmp_path), MANY)
    assert found.settings.train.eval_precision == "auto"
    assert found.eval_precision.name == "bfloat16"
    assert len(calls) == 1


def test_a_precision_of_predicting_that_somebody_chose_stays(tmp_path, measured):
    calls = measured(1.0, 2.0, 1.0, 0.5)
    found = with_faster_precision(made(tmp_path, "train.eval_precision=float32"), MANY)
    assert found.settings.train.eval_precision == "float32"
    assert len(calls) == 1
    found = made(tmp_path, "train.precision=float32", "train.eval_precision=bfloat16")
    assert (found.precision.name, found.eval_precision.name) == ("float32", "bfloat16")


def test_what_validates_cannot_be_exact_where_all_is_rounded(tmp_path):
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    try:
        asked = settings(tmp_path, "train.precision=tf32", "train.eval_precision=float32")
        with pytest.raises(ConfigError, match="eval_precision = auto, or precision = float32"):
            Experiment.of(asked).check()
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_precision_that_somebody_chose_is_not_measured(tmp_path, measured, name):
    calls = measured(2.0, 1.0)
    assert with_faster_precision(made(tmp_path, f"train.precision={name}"), MANY).precision.name == name
    assert not calls


def test_neither_a_cpu_without_bfloat16_nor_a_short_run_is_measured(tmp_path, measured):
    calls = measured(2.0, 1.0)
    assert with_faster_precision(made(tmp_path), 64).settings.train.precision == "auto"
    measured(2.0, 1.0, has=False)
    assert with_faster_precision(made(tmp_path), MANY).settings.train.precision == "auto"
    assert not calls


def test_real_steps_are_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment.resolve, "cpu_has_bfloat16", lambda: True)
    assert with_faster_precision(made(tmp_path), MANY).settings.train.precision in ("float32", "bfloat16")


def test_what_the_cpu_has_is_asked_of_pytorch(monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert cpu_has_bfloat16()
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    assert not cpu_has_bfloat16()
    monkeypatch.delattr("torch.cpu.get_capabilities")
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    assert cpu_has_bfloat16()


@pytest.mark.parametrize(("free", "batch"), [(10**12, 256), (1, 1)])
def test_a_batch_is_as_large_as_the_memory_holds_and_a_step_stays_as_large(
    tmp_path, monkeypatch, free, batch
):
    monkeypatch.setattr(experiment.resolve, "available_memory", lambda: free)
    found = with_fitting_batch(made(tmp_path, "train.batch_size=auto", "train.accumulate=4"))
    assert (found.settings.train.batch_size, found.settings.train.accumulate) == (batch, 256 // batch)


def test_a_batch_is_measured_in_between(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment.resolve, "available_memory", lambda: 10_000)
    monkeypatch.setattr(experiment.resolve, "peak_of", lambda model, images, precision: 100 * len(images))
    train = with_fitting_batch(made(tmp_path, "train.batch_size=auto")).settings.train
    assert (train.batch_size, train.accumulate) == (32, 2)  # of 60: a divisor of 64


def test_a_device_that_is_full_at_once_takes_the_smallest_batch(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(experiment.resolve, "peak_of", full)
    assert with_fitting_batch(made(tmp_path, "train.batch_size=auto")).settings.train.batch_size == 1


def test_a_number_that_somebody_chose_stays(tmp_path):
    run = made(tmp_path, "train.batch_size=16")
    assert with_fitting_batch(run) is run


def test_a_resumed_run_goes_on_with_what_it_found(tmp_path):
    began = settings(tmp_path, "train.batch_size=16", "train.accumulate=8", "train.precision=bfloat16")
    asked = settings(tmp_path, "train.batch_size=auto", "train.accumulate=2")
    train = as_begun(asked, began).train
    assert (train.batch_size, train.accumulate, train.precision) == (16, 8, "bfloat16")
    began = settings(tmp_path, "train.eval_precision=bfloat16")
    assert as_begun(asked, began).train.eval_precision == "bfloat16"
    assert (
        as_begun(settings(tmp_path, "train.eval_precision=float32"), began).train.eval_precision == "float32"
    )


def test_a_step_of_another_number_of_images_is_another_run(tmp_path):
    began = settings(tmp_path, "train.batch_size=16", "train.accumulate=8")
    assert as_begun(settings(tmp_path, "train.batch_size=auto"), began).train.batch_size == "auto"


@pytest.mark.slow
def test_a_run_repeated_from_the_config_that_it_kept_gives_the_same_bits(
    tmp_path, monkeypatch, measured, caplog
):
    lay_out_people(tmp_path / "data", small=True)
    path = tmp_path / "config.ini"
    path.write_text(SMALL_RUN.format(data=tmp_path / "data", work=tmp_path), encoding="utf-8")
    calls = measured(1.0, 1.0, 2.0, 1.0)
    monkeypatch.setattr(experiment.resolve, "_STEPS", 1)
    first, second = (tmp_path / "runs" / "test" / name for name in ("001", "002"))

    assert main(["--config", str(path), "--set", "train.batch_size=auto"]) == 0
    assert main(["--config", str(first / "config.ini")]) == 0
    with caplog.at_level(logging.INFO, "podium"):
        assert main(["--config", str(path), "--mode", "infer"]) == 0
    assert re.search(r"Predicting with .*/002: .*\nDevice: .*, bfloat16", caplog.text)

    kept = read_ini(first / "config.ini")["train"].values
    assert (kept["precision"].text, kept["eval_precision"].text) == ("float32", "bfloat16")
    assert int(kept["batch_size"].text) * int(kept["accumulate"].text) == 64
    assert len(calls) == 2
    one, other = (
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (first, second)
    )
    assert [line["train_loss"] for line in one] == [line["train_loss"] for line in other]
    tables = [(folder / "valid_predictions.csv").read_bytes() for folder in (first, second)]
    assert tables[0] == tables[1]
    assert json.loads((second / "environment.json").read_text())["precision"] == "float32"
