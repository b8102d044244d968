"""The limits on a config's model, and how its heads depend on one another."""

import re
from pathlib import Path

import pytest

from experiment import budget
from experiment.assemble import Experiment
from experiment.budget import cost_line
from experiment.read_settings import read_sections, settings_from
from models.cost import cost_of_model
from tests.experiment.smallest import SMALLEST
from utils.errors import ConfigError


def experiment(folder: Path, *overrides: str, text: str = "") -> Experiment:
    path = folder / "config.ini"
    path.write_text(SMALLEST + text, encoding="utf-8")
    return Experiment.of(settings_from(read_sections(path, ("images.size=64, 64", *overrides)), "config.ini"))


def refusal(run: Experiment) -> str:
    with pytest.raises(ConfigError) as caught:
        run.check()
    return str(caught.value)


def test_what_a_model_costs_is_said_in_one_line(tmp_path: Path) -> None:
    run = experiment(tmp_path, "model.name=ResNet18")
    assert cost_line(run.settings, run.model(fresh=False)) == (
        "ResNet18 with all heads, an image of 64 x 64: "
        "0.148 GMACs = 0.296 GFLOPs, 11.2 million weights"  # (64 / 224)^2 of the published 1.81 GMACs
    )


def test_the_same_model_is_counted_once_and_another_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    monkeypatch.setattr(budget, "_counted", {})
    monkeypatch.setattr(
        budget, "cost_of_model", lambda model, size: counted.append(size) or cost_of_model(model, size)
    )
    lines = []
    for given in ((), (), ("model.width=12",), ("images.size=32, 64",), ("conditioning.name=FineToCoarse",)):
        run = experiment(tmp_path, *given)
        lines.append(cost_line(run.settings, run.model(fresh=False)))
    assert lines[0] == lines[1]
    assert len(set(lines[:4])) == 3
    assert counted == [(64, 64), (64, 64), (32, 64), (64, 64)]


def test_a_conditionings_weights_count(tmp_path: Path) -> None:
    plain, mixed = (experiment(tmp_path, *o) for o in ((), ("conditioning.name=GatedExperts",)))
    million = [
        float(re.findall(r"([\d.]+) million", cost_line(run.settings, run.model(fresh=False)))[0])
        for run in (plain, mixed)
    ]
    features, (mask, gender, age) = 128, (3, 2, 3)
    more = (features + 1) * ((mask - 1) * gender + (gender - 1) * age)
    assert million[1] - million[0] == pytest.approx(more / 1e6, abs=1e-4)


def test_a_model_over_a_limit_is_refused_with_the_limit_and_its_cost(tmp_path: Path) -> None:
    message = refusal(
        experiment(tmp_path, "model.name=ResNet50", "model.pretrained=no", "model.max_gflops=0.6")
    )
    assert re.search(
        r"\[model\] ResNet50 is over max_gflops = 0\.6: an image of 64 x 64 costs 0\.33\d GMACs = .* million "
        r"weights\. Take a smaller model, or smaller images",
        message,
    )


def test_a_limit_on_weights_alone_is_held_too(tmp_path: Path) -> None:
    message = refusal(experiment(tmp_path, "model.max_params=0.01"))
    assert "TinyNet is over max_params = 0.01" in message


def test_a_model_within_its_limits_is_built_and_the_limits_stay_in_the_runs_config(tmp_path: Path) -> None:
    run = experiment(tmp_path, "model.max_gflops=1", "model.max_params=2")
    run.check()
    assert run.settings.texts()["model"]["max_gflops"] == "1.0"
    assert experiment(tmp_path).settings.texts()["model"]["max_params"] == "none"


def test_a_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[model\] max_gflops: 0 is not above 0"):
        experiment(tmp_path, "model.max_gflops=0")


def test_the_chosen_conditioning_joins_the_models_heads(tmp_path: Path) -> None:
    run = experiment(tmp_path, text="[conditioning]\nname = FineToCoarse\n")
    run.check()
    assert type(run.model(fresh=True).heads).__name__ == "FineToCoarse"
    assert run.settings.texts()["conditioning"] == {"name": "FineToCoarse"}
    assert type(experiment(tmp_path).model(fresh=True).heads).__name__ == "Independent"


def test_a_conditioning_needs_spaces_whose_labels_exclude_each_other(tmp_path: Path) -> None:
    labels = ("task.name=MultiLabelTask", "task.labels=a, b", "loss.name=BinaryCrossEntropy")
    experiment(tmp_path, *labels).check()
    message = refusal(experiment(tmp_path, *labels, "conditioning.name=FineToCoarse"))
    assert re.search(r"\[conditioning\] FineToCoarse .*'labels' is any_of: write name = Independent", message)


def test_a_misspelt_conditioning_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'FineToCoarse'"):
        experiment(tmp_path, "conditioning.name=FineToCorse")
