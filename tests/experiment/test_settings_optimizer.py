"""The keys that [optimizer] has for every optimiser, from a file to a run's groups and back."""

from pathlib import Path

import pytest

from experiment.read_settings import read_sections, settings_from
from experiment.settings import Settings
from tests.experiment.smallest import SMALLEST
from tests.train.optimizers.chosen import NEEDED
from train.optimizers.base import OPTIMIZERS, Rates
from utils.errors import ConfigError
from utils.ini import format_ini


def load(folder: Path, text: str) -> Settings:
    path = folder / "config.ini"
    path.write_text(text, encoding="utf-8")
    return settings_from(read_sections(path), "config.ini")


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_has_the_keys_and_keeps_them_when_written_again(name: str, tmp_path: Path) -> None:
    needed = "".join(f"{key} = {value}\n" for key, value in NEEDED.get(name, {}).items())
    text = f"{SMALLEST}[optimizer]\nname = {name}\n{needed}lr = 0.5\nlayer_decay = 0.75\nHead_Rate = 10\n"
    loaded = load(tmp_path, text)
    assert loaded.beside["optimizer"] == Rates(layer_decay=0.75, head_rate=10)
    assert "head_rate" not in loaded.chosen["optimizer"].options
    again = load(tmp_path, format_ini(loaded.texts()))
    assert again.beside["optimizer"] == loaded.beside["optimizer"]


def test_without_them_all_layers_have_the_same_rate(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).beside["optimizer"] == Rates()


@pytest.mark.parametrize("line", ["layer_decay = 0", "layer_decay = 1.1", "head_rate = 0", "head_rate = x"])
def test_values_out_of_range_are_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"\[optimizer\] {line.split()[0]}: .*line 17"):
        load(tmp_path, f"{SMALLEST}[optimizer]\nlr = 0.1\n{line}\n")
