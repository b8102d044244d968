"""Runs that start from other runs' weights: which weights these are, and whom those may not have seen."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from experiment.assemble import Experiment
from experiment.leak import held_out
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from train import checkpoint
from utils.errors import DataError

STILL = ("--set", "optimizer.name=SGD", "--set", "optimizer.lr=1e-30", "--set", "optimizer.weight_decay=0")
TWO = ("--set", "dataset.folds=2")


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def start_from(work: Path, named: object, *arguments: str) -> int:
    return podium(work / "config.ini", "--set", f"model.pretrained={named}", *STILL, *arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a config, and finished runs: test/001 with fold 0 of 5, folds/001 with 2 of 2."""
    work = tmp_path_factory.mktemp("start")
    lay_out_people(work / "data", eval_people=1, small=True)
    (work / "config.ini").write_text(SMALL_RUN.format(data=work / "data", work=work), encoding="utf-8")
    assert podium(work / "config.ini") == 0
    assert podium(work / "config.ini", *TWO, "--folds", "all", "--set", "run.name=folds") == 0
    return work


def best(folder: Path) -> dict[str, torch.Tensor]:
    values = checkpoint.load(folder / "checkpoints", "best")
    assert values is not None
    weights: dict[str, torch.Tensor] = values["model"]
    return weights


def scores_of(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text())


def assert_same_weights(found: Path, expected: Path, *parts: str) -> None:
    """The same numbers, but for batch norms' statistics: those move also at a rate of 0."""
    theirs = best(expected)
    for name, value in best(found).items():
        if (
            name.startswith(parts or ("backbone.", "heads."))
            and "running" not in name
            and "num_b" not in name
        ):
            torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)


def test_a_run_starts_from_the_best_weights_of_the_run_that_it_names(work):
    first = work / "runs" / "test" / "001"
    for number, named in enumerate(("001", "test/001", first), start=2):
        assert start_from(work, named, "--set", "run.seed=8", "--set", "run.split_seed=7") == 0
        new = work / "runs" / "test" / f"{number:03d}"
        assert_same_weights(new, first)
        assert "leak" not in scores_of(new)
    facts = json.loads((new / "environment.json").read_text())["pretrained"]
    assert [fact["run"] for fact in facts] == [str(first)]
    log = (new / "log.txt").read_text()
    assert "tensors from best-" in log
    assert f"Starts from {first}: backbone and the heads of mask, gender, age." in log


def test_a_run_that_was_trained_on_who_validates_now_is_refused_before_an_image_is_read(work, capsys):
    first = work / "runs" / "test" / "001"
    shutil.rmtree(work / "cache", ignore_errors=True)
    file = next((first / "checkpoints").glob("best-*.safetensors"))
    for named in ("001", file):
        assert start_from(work, named, "--set", "dataset.valid_fold=1") == 2
        said = capsys.readouterr().err
        assert (
            f"{first} was trained on who validates here: of the 4 people or images that validate here 4"
            in said
        )
        assert "split_seed = 7" in said
        assert "allow_leak = yes" in said
    assert sorted(folder.name for folder in (work / "runs" / "test").iterdir() if folder.is_dir()) == ["001"]


@pytest.mark.parametrize("name", ["valid_predictions.csv", "split.csv"])
def test_whom_a_run_held_out_is_not_told_without_the_table_that_says_so(work: Path, name: str) -> None:
    run = work / "runs" / "test" / "001"
    (run / name).unlink()
    with pytest.raises(DataError, match=f"There is no file .*{name}"):
        held_out(run)


def test_allow_leak_starts_all_the_same_and_the_scores_say_so(work, caplog):
    assert start_from(work, "001", "--set", "dataset.valid_fold=1", "--set", "model.allow_leak=yes") == 0
    new = work / "runs" / "test" / "002"
    leak = [{"pretrained": str(work / "runs/test/001"), "validated and trained on": 4, "validated": 4}]
    assert scores_of(new)["leak"] == leak
    assert "LEAK" in caplog.text
    assert held_out(new) == ()  # so whoever starts from it, or is taught by it, is refused as well
    assert start_from(work, "002", "--set", "dataset.valid_fold=1") == 2
    assert held_out(work / "runs" / "test" / "001") != ()
    assert start_from(work, "002", "--set", "dataset.valid_fold=1", "--set", "model.allow_leak=yes") == 0
    assert podium(work / "config.ini", "--mode", "soup", "002", "003", "--recipe", "uniform") == 0
    assert len(scores_of(work / "runs" / "test_soup" / "001")["leak"]) == 2


def test_other_images_of_the_same_names_are_no_leak(work, tmp_path):
    other = tmp_path / "other"
    lay_out_people(other, eval_people=1, small=True)
    for image in (path for path in other.glob("train/images/*/*") if path.is_file()):
        image.write_bytes(image.read_bytes() + b"\0")  # decoded alike, and another file
    settings = ("--set", f"paths.data={other}", "--set", "dataset.valid_fold=1")
    assert start_from(work, "001", *settings) == 0
    assert "leak" not in scores_of(work / "runs" / "test" / "002")


def test_each_fold_starts_from_the_member_that_held_it_out(work):
    named = ("--set", "run.name=more", *TWO)
    assert start_from(work, "folds/001", *named, "--folds", "all") == 0
    whole, source = work / "runs" / "more" / "001", work / "runs" / "folds" / "001"
    for fold in range(2):
        assert_same_weights(whole / f"fold-{fold}", source / f"fold-{fold}")
    assert start_from(work, "folds/001", *named, "--set", "dataset.valid_fold=1") == 0
    assert_same_weights(work / "runs" / "more" / "002", source / "fold-1")


def test_folds_from_one_run_are_refused_before_any_of_them_is_trained(work, capsys):
    arguments = ("--set", "run.name=more", *TWO, "--folds", "all")
    member = work / "runs" / "folds" / "001" / "fold-1"
    assert start_from(work, member, *arguments) == 2
    assert "was trained on who validates here" in capsys.readouterr().err
    assert not (work / "runs" / "more").exists()
    assert start_from(work, member, *arguments, "--set", "model.allow_leak=yes") == 0
    assert scores_of(work / "runs" / "more" / "001")["leak"].keys() == {"fold-0"}


def test_heads_begin_anew_where_their_labels_are_others(work):
    assert start_from(work, "001", "--set", "task.joint=yes") == 0
    new, first = work / "runs" / "test" / "002", work / "runs" / "test" / "001"
    assert_same_weights(new, first, "backbone.")
    assert "backbone and no head; those of" in (new / "log.txt").read_text()
    assert start_from(work, "001", "--set", "head.age.name=Shallow") == 0
    third = work / "runs" / "test" / "003"
    assert "the heads of mask, gender; those of age begin anew" in (third / "log.txt").read_text()
    assert_same_weights(third, first, "backbone.", "heads.mask.", "heads.gender.")


def test_what_is_no_run_is_refused_with_what_there_is(work, trained, capsys):
    for named, words in (
        ("007", "there is no such file. There is no run"),
        ("weights.pth", "weights.pth: there is no such file"),
        (trained / "data", "this is a folder and no finished run"),
    ):
        assert start_from(work, named) == 2
        assert words in capsys.readouterr().err


def test_a_resumed_run_needs_its_source_no_more(work):
    assert start_from(work, "001") == 0
    second = work / "runs" / "test" / "002"
    (second / "scores.json").unlink()
    shutil.rmtree(work / "runs" / "test" / "001")
    assert podium(second / "config.ini", "--resume", "--run", str(second)) == 0
    assert (second / "scores.json").exists()


def test_checking_a_config_loads_no_weights(work):
    overrides = ("model.pretrained=nowhere.pth",)
    Experiment.of(settings_from(read_sections(work / "config.ini", overrides), "config.ini")).check()
