"""How often a run builds its model: once before training, and once after it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiment.assemble import Experiment
from models.base import MODELS
from run import main
from tests.experiment.smallest import SMALL_RUN


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The device of each model that is built."""
    devices: list[str] = []
    build = MODELS.build

    def noted(*arguments: object, **options: object) -> torch.nn.Module:
        model = build(*arguments, **options)
        devices.append(next(model.parameters()).device.type)
        return model

    monkeypatch.setattr(MODELS, "build", noted)
    return devices


def train(work: Path, data: Path, *arguments: str) -> None:
    config = work / "config.ini"
    config.write_text(SMALL_RUN.format(data=data, work=work), encoding="utf-8")
    assert main(["--config", str(config), *arguments]) == 0


def test_a_run_builds_its_model_once_before_training_and_once_after(
    tmp_path: Path, mask_folder: Callable[..., object], built: list[str]
) -> None:
    train(tmp_path, mask_folder().root)
    # What is refused is seen on an outline, which has neither memory nor numbers.
    assert built == ["meta", "cpu", "cpu"]


def test_a_run_over_folds_has_one_outline(
    tmp_path: Path, mask_folder: Callable[..., object], built: list[str]
) -> None:
    train(tmp_path, mask_folder().root, "--folds", "0,1")
    assert built == ["meta", "cpu", "cpu", "cpu", "cpu"]


def test_limits_and_batches_of_one_need_no_other_outline(tmp_path: Path, built: list[str]) -> None:
    config = tmp_path / "config.ini"
    limits = "\nmax_gflops = 5\n[train]\nepochs = 1\nbatch_size = 1\n"
    text = SMALL_RUN.format(data=tmp_path, work=tmp_path).partition("\n[train]")[0] + limits
    config.write_text(text, encoding="utf-8")
    from experiment.read_settings import read_sections, settings_from

    Experiment.of(settings_from(read_sections(config), "config.ini")).check()
    assert built == ["meta"]
