"""``--mode list``: everything that a config can choose, from the code alone."""

import re

import pytest

from experiment.offers import Key, OfferedSection, offers
from run import main


def listed(capsys, *names: str) -> str:
    assert main(["--mode", "list", *names]) == 0
    return capsys.readouterr().out


def keys_of(part: OfferedSection) -> list[tuple[str, Key]]:
    return [(name, key) for offer in part.offers for name in offer.classes or [""] for key in offer.keys]


@pytest.mark.parametrize("part", offers(), ids=lambda part: part.title)
def test_every_key_says_what_it_means_by_itself(part):
    """It stands in the ``Args:`` of the class's docstring, or in a comment on a dataclass's field."""
    for name, key in keys_of(part):
        what = (
            f"{part.title} {name} {key.name}: what it means belongs into the class's docstring, under Args:"
        )
        assert key.meaning, what
        assert not re.match(r"(the same|as in \S+|see \S+)\.?$", key.meaning), what
        assert "see Mixing" not in key.meaning, what


@pytest.mark.parametrize("part", offers(), ids=lambda part: part.title)
def test_every_key_says_its_default_and_the_allowed_values(part):
    for name, key in keys_of(part):
        assert key.values, (part.title, name, key.name)
        assert f"[{key.values}]" in " ".join(str(key).split()), (part.title, name, key.name)


def test_a_class_is_shown_alone(capsys):
    shown = listed(capsys, "Focal")
    assert re.search(r"^  Focal  +-sum over k", shown, re.M)
    assert "gamma = 2.0\n          how much less an image counts" in shown
    assert "[a number from 0 up to 100]" in shown
    assert "FocalLabelSmoothing" not in shown
    assert "optimizer" not in shown


def test_a_section_is_shown_whole_with_or_without_brackets(capsys):
    shown = listed(capsys, "loss")
    assert shown == listed(capsys, "[loss]")
    assert "ZLPR" in shown
    assert "class_weights = none" in shown
    assert "[optimizer]" not in shown


def test_a_key_is_shown_wherever_it_is_in_any_spelling(capsys):
    shown = listed(capsys, "t_0")
    assert "CosineAnnealingWarmRestarts" in shown
    assert "T_0 = 10.0" in shown
    assert "T_mult = " not in shown
    assert "[train]" in listed(capsys, "epochs")


def test_several_names_are_shown_together(capsys):
    shown = listed(capsys, "Focal", "run")
    assert "[run]" in shown
    assert "  Focal " in shown


def test_a_key_that_names_a_class_shows_the_classes(capsys):
    assert "OnnxRuntime" in listed(capsys, "engine")


def test_an_unknown_name_gets_the_nearest(capsys):
    assert main(["--mode", "list", "Focl"]) == 2
    error = capsys.readouterr().err
    assert "there is no section, class or key 'Focl'. Did you mean 'Focal'?" in error
    assert main(["--mode", "list", "zzzzzz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_classes_with_the_very_same_keys_stand_above_them_together(capsys):
    shown = listed(capsys, "model")
    between = shown.partition("  ResNet18 ")[2].partition("  ResNet50 ")[0]
    assert "pretrained" not in between
    assert "pretrained = no" in listed(capsys, "ResNet18")


def test_names_may_be_written_as_a_config_writes_them(capsys):
    assert "  Focal " in listed(capsys, "loss.age")
    assert "decay = 0.999" in listed(capsys, "[callback.EMA]")
    assert "[train]" in listed(capsys, "train.epochs")


def test_an_optimiser_of_timm_is_shown_with_the_keys_that_it_has(capsys):
    shown = listed(capsys, "Muon")
    assert "  TimmOptimizer " in shown
    assert "optimizer = muon\n" in shown
    assert "ns_steps = 5\n" in shown
    assert "AdamW" not in shown
    assert "betas = " in listed(capsys, "lion")
    assert "ns_steps" not in listed(capsys, "lion")


def test_a_backbone_of_timm_is_shown_as_a_config_names_it(capsys):
    assert "  TimmModel " in listed(capsys, "resnet10t")
    assert "backbone = resnet10t.c3_in1k\n" in listed(capsys, "model", "resnet10t.c3_in1k")
    assert main(["--mode", "list", "muom"]) == 2
    assert "Did you mean 'muon'?" in capsys.readouterr().err
