"""What is made of runs is named after them; keys that name a run take what --run takes."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiment.named_runs import with_found_runs
from experiment.names import chosen_name, name_of_members
from experiment.read_settings import read_sections, settings_from
from experiment.run_folder import check_name
from tests.experiment.smallest import SMALLEST
from utils.errors import ConfigError


@pytest.mark.parametrize(
    ("members", "name"),
    [
        (["runs/small/001", "runs/small/002"], "small_soup"),
        (["runs/small/001/fold-0", "runs/b4/001/fold-0"], "small_b4_soup"),
        (["runs/small_soup/001"], "small_soup"),
        ([f"runs/{name}/001" for name in "abcde"], "a_b_c_and_2_more_soup"),
        (["runs/12/001", "runs/12/002/fold-0"], "12_soup"),
        (["apart"], "apart_soup"),
    ],
)
def test_the_name_is_that_of_the_members_each_once(members, name):
    assert name_of_members(map(Path, members), "_soup") == name


def test_a_name_of_many_long_ones_is_still_one_that_a_folder_can_have():
    check_name(name_of_members([Path(f"runs/{letter * 80}/001") for letter in "가나다"], "_ensemble"))


def test_set_and_a_config_that_is_meant_for_it_go_before_the_members():
    members = [Path("runs/small/001")]
    assert chosen_name("mine", "b4", members, "_soup") == "mine"
    assert chosen_name("b4_soup", "b4_soup", members, "_soup") == "b4_soup"
    assert chosen_name("b4", "b4", members, "_soup") == "small_soup"


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "config.ini"
    path.write_text(SMALLEST.replace("name = test", "name = exp", 1), encoding="utf-8")
    for version, folds in (("001", ""), ("002", "folds = 0, 1\n")):
        folder = tmp_path / "runs" / "exp" / version
        folder.mkdir(parents=True)
        text = SMALLEST.replace("name = test\n", f"name = exp\n{folds}", 1)
        (folder / "config.ini").write_text(text, encoding="utf-8")
        for name in ("environment.json", "scores.json"):
            (folder / name).write_text("{}", encoding="utf-8")
    return settings_from(read_sections(path, [f"paths.runs={tmp_path / 'runs'}"]), "config.ini")


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("001", "001/pseudo_labels.csv"),
        ("exp/001", "001/pseudo_labels.csv"),
        ("exp", "002/fold-{fold}/pseudo_labels.csv"),
        ("002/", "002/fold-{fold}/pseudo_labels.csv"),
    ],
)
def test_pseudo_labels_may_name_the_run_that_made_them(settings, labels, found):
    pseudo = replace(settings.pseudo, labels=Path(labels))
    resolved = with_found_runs(replace(settings, pseudo=pseudo)).pseudo.labels
    assert resolved == settings.paths.runs / "exp" / found


def test_a_plan_may_be_named_as_any_run_and_a_run_that_is_not_there_is_refused(settings):
    named = replace(settings, train=replace(settings.train, plan=Path("exp/001")))
    assert with_found_runs(named).train.plan == settings.paths.runs / "exp" / "001"
    with pytest.raises(ConfigError, match=r"There is no run .exq/001.\. Did you mean .exp/001"):
        with_found_runs(replace(settings, train=replace(settings.train, plan=Path("exq/001"))))
