"""Every recipe is valid and trains, small and for one epoch, on data of its kind that was drawn."""

import re
from pathlib import Path
from typing import Any

import pytest
import timm

from experiment.assemble import Experiment
from experiment.budget import check_cost, cost_line
from experiment.build_model import outline
from experiment.read_settings import read_sections, settings_from
from models.base import MODELS
from run import main
from tests.digits import draw_canvases, draw_hierarchy
from tests.models.shapes import Shapes
from tests.people import lay_out_people
from utils.ini import read_ini

ROOT = Path(__file__).parent.parent
RECIPES = sorted(ROOT.glob("recipes/**/*.ini"))


def draw_levels(folder: Path) -> None:
    draw_hierarchy(folder, ("large", "middle", "small"))


def draw_people(folder: Path) -> None:
    lay_out_people(folder, eval_people=1)


DRAW = {"mask": draw_people, "multilabel": draw_canvases, "hierarchy": draw_levels}


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
def test_a_recipe_trains_and_predicts(recipe, data, tmp_path, monkeypatch, short_nets):
    for key, value in {"DATA": data(recipe), "RUNS": tmp_path / "runs", "CACHE": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"PODIUM_{key}", str(value))
    text = recipe.read_text(encoding="utf-8")
    assert text.startswith("# ")  # what it is, the score it reached, the command
    assert recipe.relative_to(ROOT).as_posix() in text
    labels = teacher_of(recipe)
    given = []
    if labels is not None:
        teacher = recipe.with_stem(Path(labels).parts[1])
        train_small(teacher, tiny=True)
        assert main(["--config", str(teacher), "--mode", "pseudo"]) == 0
        given = [f"pseudo.labels={tmp_path / labels}"]
    train_small(recipe, *given, tiny=recipe not in WITH_ITS_OWN_NET)
    assert main(["--config", str(recipe), "--mode", "infer"]) == 0


def teacher_of(recipe: Path) -> str | None:
    """Return where the labels come from that another recipe's run gives."""
    sections = read_ini(recipe)
    return sections["pseudo"].values["labels"].text if "pseudo" in sections else None


def family(recipe: Path) -> str:
    """Return the module of a recipe's model, which holds one family of backbones."""
    return MODELS.get(read_ini(recipe)["model"].values["name"].text).__module__


# Those with a teacher would train two.
WITH_ITS_OWN_NET = {family(recipe): recipe for recipe in RECIPES if teacher_of(recipe) is None}.values()


# Each with all kinds of its family's blocks, but few of them and narrow: timm's net, and what makes it small.
SHORT: dict[str, tuple[str | None, dict[str, Any]]] = {
    "models.convnext": (None, {"depths": (1, 1, 1, 1), "dims": (16, 32, 48, 64)}),
    "models.efficientnet": ("tf_efficientnet_b0", {}),
    "models.efficientnet_v2": ("test_efficientnet", {}),
    "models.resnet": (None, {"layers": (1, 1, 1, 1), "channels": (16, 32, 48, 64)}),
    "models.swin": (None, {"depths": (1, 2, 1, 1), "embed_dim": 24}),
    "models.tresnet": (None, {"layers": [1, 1, 1, 1], "width_factor": 0.25}),
    "models.vision_transformer": (None, {"depth": 3}),
}


@pytest.fixture
def short_nets(recipe, monkeypatch):
    """Have timm make the net of a recipe's family short: a step of the whole one shows nothing else."""
    create, (instead, options) = timm.create_model, SHORT.get(family(recipe), (None, {}))
    monkeypatch.setattr(
        timm, "create_model", lambda name, **given: create(instead or name, **given, **options)
    )


def train_small(recipe: Path, *settings: str, tiny: bool) -> None:
    """Train a recipe for an epoch on small images, without the weights that it begins with.

    All but one of each family train a tiny net, and that one a short net of its family: that their own is
    made as they say is what the test below shows, and that it trains what those of ``models/`` show.
    """
    small = ["images.size=32,32", "train.epochs=1", "train.batch_size=56", "scheduler.name=Constant"]
    if tiny:
        small += ["model.name=TinyNet", "model.width=4"]
    elif family(recipe) == "models.fused_backbones":  # joins nets of the other families, which are real there
        small += ["model.backbones=mobilenetv3_small_050, resnet10t", "model.pretrained=no"]
    elif "pretrained = yes" in recipe.read_text(encoding="utf-8"):
        small.append("model.pretrained=no")
    overrides = [argument for setting in (*small, *settings) for argument in ("--set", setting)]
    assert main(["--config", str(recipe), *overrides]) == 0


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_recipes_own_net_takes_its_images_and_keeps_its_limits(recipe, data, monkeypatch):
    monkeypatch.setenv("PODIUM_DATA", str(data(recipe)))
    random = ["model.pretrained=no"] if "pretrained = yes" in recipe.read_text(encoding="utf-8") else []
    experiment = Experiment.of(settings_from(read_sections(recipe, random), str(recipe)))
    with Shapes():
        model = outline(experiment.settings, experiment.heads)
        check_cost(experiment.settings, model)
        assert re.search(r"[\d.]+ GMACs = .* million weights", cost_line(experiment.settings, model))
