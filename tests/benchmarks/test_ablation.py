"""The ablation's arithmetic on invented runs, and every variant's config against its recipe."""

import json

import numpy as np
import pytest
from scipy import stats

from benchmarks import ablation
from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder of runs, and what writes one into it."""
    monkeypatch.setattr(ablation, "RUNS", tmp_path)

    def write(variant, seed, macro_f1, finished=True):
        folder = tmp_path / ablation.slug(variant, seed) / "001"
        folder.mkdir(parents=True)
        entries = [{"macro_f1": 0.9, "accuracy": 0.9}, {"macro_f1": macro_f1, "accuracy": macro_f1 + 0.1}]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        if finished:
            (folder / "scores.json").write_text("{}")

    return write


def test_differences_are_from_the_base_run_of_the_same_seed(runs):
    for seed, (base, other) in enumerate([(0.3, 0.5), (0.5, 0.6), (0.4, 0.7)], start=1):
        runs(ablation.BASE, seed, base)
        runs("no EMA", seed, other)
    best, base = ablation.effects("macro_f1", seeds=3)
    assert (best.name, base.name) == ("no EMA", ablation.BASE)
    assert best.differences == pytest.approx([0.2, 0.1, 0.3])
    assert best.scores == pytest.approx([0.5, 0.6, 0.7])  # of the last epoch, not of the best one
    assert base.differences.tolist() == [0, 0, 0]


def test_a_run_that_was_stopped_does_not_count(runs):
    for seed in (1, 2):
        runs(ablation.BASE, seed, 0.4)
        runs("no EMA", seed, 0.5, finished=seed == 1)
    assert [effect.name for effect in ablation.effects("macro_f1", seeds=2)] == [ablation.BASE]


def test_beyond_noise_is_two_standard_errors_of_the_pooled_spread(runs):
    generator = np.random.default_rng(0)
    names = list(ablation.VARIANTS)[:8]
    differences = {name: generator.normal(0, 0.02, size=3) for name in names}
    for seed in (1, 2, 3):
        runs(ablation.BASE, seed, 0.4)
        for name in names:
            runs(name, seed, 0.4 + float(differences[name][seed - 1]))
    spread = ablation.noise(ablation.effects("macro_f1", seeds=3))
    pooled = np.sqrt(np.mean([stats.tvar(values) for values in differences.values()]))
    assert spread == pytest.approx(pooled)
    error = spread / np.sqrt(3)
    assert ablation.beyond(1.99 * error, spread, 3) == "no"
    assert ablation.beyond(2.01 * error, spread, 3) == "better"
    assert ablation.beyond(-2.01 * error, spread, 3) == "worse"


def test_the_report_has_a_row_for_each_variant_and_a_picture(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "PICTURE", tmp_path / "picture.png")
    for seed in (1, 2):
        runs(ablation.BASE, seed, 0.4)
        runs("SGD, lr 0.1", seed, 0.3 + 0.01 * seed)
    ablation.report(2, tmp_path / "table.md")
    text = (tmp_path / "table.md").read_text()
    assert "| SGD, lr 0.1 | 2 | 0.3150 | 0.0071 | -0.0850 | worse | 0.4150 | -0.0850 |" in text
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("variant", [ablation.BASE, *ablation.VARIANTS])
def test_a_variant_is_a_valid_config_and_changes_something(variant):
    changes = ablation.SMALL | ablation.VARIANTS.get(variant, {})
    settings = settings_from(
        read_sections(ablation.RECIPE, [f"{k}={v}" for k, v in changes.items()]), variant
    )
    Experiment.of(settings).check()
    base = settings_from(
        read_sections(ablation.RECIPE, [f"{k}={v}" for k, v in ablation.SMALL.items()]), "base"
    )
    assert (settings.texts() == base.texts()) == (variant == ablation.BASE)
