"""Every recipe is valid and trains, small and for one epoch, on data of its kind that was drawn."""

from pathlib import Path

import pytest

from dataset.demo import draw_demo_data
from run import main
from tests.digits import canvases, write_csv, write_images

ROOT = Path(__file__).parent.parent
RECIPES = sorted(ROOT.glob("recipes/**/*.ini"))


def draw_people(folder: Path) -> None:
    draw_demo_data(folder, people=20, eval_people=1)


def draw_canvases(folder: Path) -> None:
    """Draw images with any number of handwritten digits, and a column of 0 and 1 for each digit."""
    columns = ("image", *"0123456789")
    for part, table, count in (("train", "train", 80), ("test", "sample_submission", 10)):
        images, present = canvases(count, len(part), slice(0, 1000))
        names = write_images(folder / part, images)
        rows = [
            [f"{name}.png", *(int(digit in digits) for digit in range(10))]
            for name, digits in zip(names, present, strict=True)
        ]
        write_csv(folder / f"{table}.csv", columns, rows)


DRAW = {"mask": draw_people, "multilabel": draw_canvases}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return what gives the data folder for a recipe, drawn once for each kind of competition."""
    drawn = {}

    def of(recipe: Path) -> Path:
        kind = recipe.parent.name
        if kind not in drawn:
            drawn[kind] = tmp_path_factory.mktemp("drawn") / kind
            DRAW[kind](drawn[kind])
        return drawn[kind]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_recipe_trains_and_predicts(recipe, data, tmp_path, monkeypatch):
    for key, value in {"DATA": data(recipe), "RUNS": tmp_path / "runs", "CACHE": tmp_path / "cache"}.items():
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
