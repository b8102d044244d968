"""A run knows its data, whichever config lies in the working folder and wherever that is."""

import shutil

import pytest

from experiment.run_config import read_run, trained_in
from tests.experiment.two_competitions import draw, labels_in, podium, write_config
from utils.ini import read_ini


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two folders, ``a`` with labels cat and dog, ``b`` with x and y, each with a finished run."""
    work = tmp_path_factory.mktemp("two")
    for name, labels, shade in (("a", ("cat", "dog"), 0), ("b", ("x", "y"), 50)):
        (work / name).mkdir()
        draw(work / name / "data", labels, shade=shade)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(work / name)
            write_config(work / name, name, data="data", runs="runs", cache=".cache")
            assert podium() == 0
    return work


@pytest.fixture
def two(made, tmp_path):
    """A copy of both, which a test may change: also what a team does that moves its folder."""
    shutil.copytree(made, tmp_path / "two")
    return tmp_path / "two"


def test_a_run_named_by_its_path_predicts_its_own_data(two, monkeypatch, caplog):
    monkeypatch.chdir(two / "b")
    assert podium("--mode", "infer", "--run", "../a/runs/a/001") == 0
    assert labels_in(two / "a/runs/a/001/submission.csv") <= {"cat", "dog"}
    assert f"Images of: {two / 'a' / 'data'} (as the run was trained)" in caplog.text
    assert (two / "a" / "submissions.csv").exists()  # beside its own runs
    assert not (two / "b" / "submissions.csv").exists()


@pytest.mark.parametrize("mode", ["infer", "views", "pseudo"])
def test_so_it_is_in_every_mode_that_asks_a_run_and_with_another_config_named(two, monkeypatch, mode):
    monkeypatch.chdir(two)
    assert podium("--config", "b/config.ini", "--mode", mode, "--run", "a/runs/a/001") == 0
    assert f"Images of: {two / 'a' / 'data'}" in (two / "a/runs/a/001/log.txt").read_text()


def test_review_and_check_read_the_runs_data_too(two, monkeypatch, caplog):
    monkeypatch.chdir(two / "b")
    assert podium("--mode", "review", "--run", "../a/runs/a/001") == 0
    assert f"Labels of: {two / 'a' / 'data'}" in caplog.text
    template = two / "a/data/sample_submission.csv"
    assert podium("--mode", "check", template, "--run", "../a/runs/a/001") == 0
    assert podium("--mode", "check", template) == 3  # held against b's newest run


def test_a_working_folder_without_a_config_is_enough(two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert podium("--mode", "infer", "--run", "two/a/runs/a/001") == 0
    assert labels_in(two / "a/runs/a/001/submission.csv") <= {"cat", "dog"}


def test_runs_are_compared_and_reviewed_without_a_config_there_too(two, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    shutil.copytree("two/a/runs/a/001", "two/a/runs/a/002")
    assert podium("--mode", "compare", "two/a/runs/a/001", "two/a/runs/a/002") == 0
    assert "Their configs are the same." in caplog.text
    assert podium("--mode", "review", "two/a/runs/a") == 0  # a folder of runs: its newest
    assert (tmp_path / "two/a/runs/a/002/review/report.html").exists()


def test_set_and_the_environment_say_otherwise(two, monkeypatch, caplog):
    monkeypatch.chdir(two / "a")
    hidden = draw(two / "hidden", ("cat", "dog"), evals=5)
    assert podium("--mode", "infer", "--run", "001", "--set", f"paths.data={hidden}") == 0
    assert f"Images of: {hidden} (by --set paths.data)" in caplog.text
    assert len((two / "a/runs/a/001/submission.csv").read_text().splitlines()) == 6
    (two / "a" / ".env").write_text(f"PODIUM_DATA={two / 'a' / 'data'}\n")
    assert podium("--mode", "infer", "--run", "001") == 0
    assert f"Images of: {two / 'a' / 'data'} (by PODIUM_DATA)" in caplog.text
    assert len((two / "a/runs/a/001/submission.csv").read_text().splitlines()) == 3


def test_data_that_is_not_there_is_named_with_what_to_write(two, monkeypatch, capsys):
    monkeypatch.chdir(two / "a")
    (two / "a/data").rename(two / "a/moved")
    assert podium("--mode", "infer") == 2
    assert "The data folder data (as the run was trained) is not there." in capsys.readouterr().err
    assert podium("--mode", "infer", "--set", "paths.data=moved") == 0


def test_the_eval_images_of_a_runs_own_config_may_be_edited_since_but_not_by_another(two, monkeypatch):
    monkeypatch.chdir(two / "a")
    shutil.copytree("data/test", "data/more")
    template = (two / "a/data/sample_submission.csv").read_text()
    (two / "a/data/first.csv").write_text("".join(template.splitlines(keepends=True)[:2]))
    for name, rows in (("a", 2), ("other", 3)):
        config = write_config(two / "a", name, data="data", runs="runs", cache=".cache")
        config.write_text(config.read_text().replace("sample_submission.csv", "first.csv"))
        assert podium("--mode", "infer", "--run", "a/001") == 0
        assert len((two / "a/runs/a/001/submission.csv").read_text().splitlines()) == rows, name


def test_relative_paths_are_meant_from_where_the_run_was_trained(two, tmp_path, monkeypatch):
    folder = two / "a/runs/a/001"
    monkeypatch.chdir(two / "a")
    assert read_run(folder)["paths"].values["data"].text == "data"  # as it stands there
    monkeypatch.chdir(tmp_path)
    assert read_run(folder)["paths"].values["data"].text == str(two / "a" / "data")
    assert (
        trained_in(folder, read_ini(folder / "config.ini")) == two / "a"
    )  # moved together: not what was written


def test_a_run_apart_from_its_folder_falls_back_on_where_it_was_trained(made, two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(two / "a/runs/a/001", tmp_path / "alone")
    assert read_run(tmp_path / "alone")["paths"].values["data"].text == str(made / "a" / "data")


def test_the_command_at_the_end_of_training_works_with_another_config_there(two, monkeypatch, caplog):
    monkeypatch.chdir(two / "b")
    with_blanks = two / "my a"
    (two / "a").rename(with_blanks)
    write_config(with_blanks, "a", data=with_blanks / "data")
    assert podium("--config", with_blanks / "config.ini") == 0
    assert f"Predict:     python run.py --mode infer --run '{with_blanks}/runs/a/002'" in caplog.text
    assert podium("--mode", "infer", "--run", with_blanks / "runs/a/002") == 0
    assert labels_in(with_blanks / "runs/a/002/submission.csv") <= {"cat", "dog"}
