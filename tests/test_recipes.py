"""Every recipe is valid and trains, on drawn people, small and for one epoch."""

from pathlib import Path

import pytest

from dataset.demo import draw_demo_data
from run import main

ROOT = Path(__file__).parent.parent
RECIPES = sorted(ROOT.glob("recipes/**/*.ini"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "data"
    draw_demo_data(folder, people=20, eval_people=1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_recipe_trains_and_predicts(recipe, data, tmp_path, monkeypatch):
    for key, value in {"DATA": data, "RUNS": tmp_path / "runs", "CACHE": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"PODIUM_{key}", str(value))
    text = recipe.read_text(encoding="utf-8")
    assert text.startswith("# ")  # what it is, the score it reached, the command
    assert recipe.relative_to(ROOT).as_posix() in text
    small = ["images.size=32,32", "train.epochs=1", "train.batch_size=56", "scheduler.name=Constant"]
    if "pretrained = yes" in text:
        small.append("model.pretrained=no")
    overrides = [argument for setting in small for argument in ("--set", setting)]
    assert main(["--config", str(recipe), *overrides]) == 0
    assert main(["--config", str(recipe), "--mode", "infer"]) == 0
