"""A sweep: its trials are ordinary runs, none is lost or doubled, and its best config is its best trial."""

import csv
import json
import time

import pytest

from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.forks import podium_process
from tests.people import lay_out_people
from train.checkpoint import newest

optuna = pytest.importorskip("optuna", reason="needs the extra sweep: pip install -r requirements-sweep.txt")
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
SPACE = """
[sweep]
trials = {trials}
repeat = {repeat}
seeds = 1
prune = {prune}
[sweep.space]
optimizer.lr = 1e-3 .. 1e-1 log
loss.name = CrossEntropy, LabelSmoothing
loss.smoothing = 0.05 .. 0.2 where loss.name = LabelSmoothing
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "data"
    lay_out_people(folder)
    return folder


@pytest.fixture
def config(tmp_path, data):
    def write(trials=3, repeat=1, prune="no", epochs=1):
        text = SMALL_RUN.format(data=data, work=tmp_path).replace("epochs = 1", f"epochs = {epochs}")
        path = tmp_path / "config.ini"
        path.write_text(text + SPACE.format(trials=trials, repeat=repeat, prune=prune), encoding="utf-8")
        return path

    return write


def podium(config, *arguments):
    return main(["--config", str(config), *map(str, arguments)])


def sweep(config, *arguments):
    return podium(config, "--mode", "sweep", *arguments)


def trials_of(folder):
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


@pytest.mark.slow
def test_trials_are_ordinary_runs_and_the_best_config_repeats_its_trial_bit_for_bit(config, tmp_path, capsys):
    path = config()
    assert sweep(path) == 0
    printed = capsys.readouterr().out
    folder = tmp_path / "runs" / "test_sweep" / "001"
    rows = trials_of(folder)
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"complete"}
    for row in rows:
        scores = json.loads((folder / f"trial-00{row['trial']}" / "scores.json").read_text())
        assert float(row["score"]) == scores["scores"]["macro_f1"]
        assert bool(row["loss.smoothing"]) == (row["loss.name"] == "LabelSmoothing")

    result = json.loads((folder / "result.json").read_text())
    own = folder / f"trial-00{result['best']}"
    assert result["score"] == max(float(row["score"]) for row in rows)
    assert len(result["scores_of_other_seeds"]) == 1
    assert "in the sweep, for which it was chosen" in printed
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert podium(folder / "best.ini") == 0
    again = tmp_path / "runs" / "test" / "001"
    for name in ("valid_predictions.csv", "scores.json"):
        assert (again / name).read_bytes() == (own / name).read_bytes()

    assert podium(path, "--mode", "infer", "--run", own) == 0  # as any other run
    assert sweep(path) == 0  # there is nothing left to do, which is said again
    assert len(trials_of(folder)) == 3
    assert not (tmp_path / "runs" / "test_sweep" / "002").exists()


@pytest.mark.slow
def test_a_run_of_the_best_config_measures_nothing_that_its_trial_did_not(config, tmp_path, monkeypatch):
    path = config(trials=1, repeat=0)
    path.write_text(path.read_text().replace("batch_size = 16", "batch_size = auto"))
    assert sweep(path) == 0

    monkeypatch.setattr("experiment.resolve.cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr("experiment.resolve._STEPS", 1)
    monkeypatch.setattr("experiment.resolve._timed", lambda works, shared: [2.0, 1.0])  # bfloat16
    monkeypatch.setattr("experiment.resolve.available_memory", lambda: 1)  # a batch of one
    folder = tmp_path / "runs" / "test_sweep" / "001"
    assert podium(folder / "best.ini") == 0
    again = tmp_path / "runs" / "test" / "001" / "valid_predictions.csv"
    assert again.read_bytes() == (folder / "trial-000" / "valid_predictions.csv").read_bytes()


@pytest.mark.slow
def test_the_same_seed_proposes_the_same_trials(config, tmp_path):
    path = config(trials=2, repeat=0)
    assert sweep(path) == 0
    assert sweep(path, "--new") == 0
    first, second = (trials_of(tmp_path / "runs" / "test_sweep" / name) for name in ("001", "002"))
    keys = ("score", "optimizer.lr", "loss.name", "loss.smoothing")
    assert [[row[key] for key in keys] for row in first] == [[row[key] for key in keys] for row in second]


@pytest.mark.slow
def test_two_processes_one_of_them_killed_lose_and_double_no_trial(config, tmp_path):
    path = config(trials=4, repeat=0, epochs=3)
    folder = tmp_path / "runs" / "test_sweep" / "001"
    line = (tmp_path, "--config", str(path), "--mode", "sweep", "--set", "callback.Checkpoints.minutes=0")
    first = podium_process(*line)
    with first:
        end = time.monotonic() + 600
        while not newest(folder / "trial-000" / "checkpoints", "last") and time.monotonic() < end:
            time.sleep(0.02)
        first.kill()
        first.communicate()
    assert not (folder / "trial-000" / "scores.json").exists()
    both = [podium_process(*line) for _ in range(2)]
    said = [process.communicate(timeout=1200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    rows = trials_of(folder)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["state"] for row in rows} == {"complete"}
    assert {row["epochs"] for row in rows} == {"3"}
    assert "Resumed" in (folder / "trial-000" / "log.txt").read_text()
    assert sorted(path.name for path in folder.glob("trial-*")) == [f"trial-00{i}" for i in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("prune", ["median", "halving"])
def test_a_trial_without_hope_is_pruned_and_can_not_be_predicted_with(
    config, tmp_path, capsys, prune, monkeypatch
):
    monkeypatch.setattr(
        "optuna.trial.Trial.should_prune", lambda trial: trial.number == 1 and bool(trial.storage)
    )
    path = config(trials=2, repeat=0, prune=prune, epochs=2)
    assert sweep(path) == 0
    folder = tmp_path / "runs" / "test_sweep" / "001"
    rows = trials_of(folder)
    assert [row["state"] for row in rows] == ["complete", "pruned"]
    assert rows[1]["why"] == "after epoch 1"
    capsys.readouterr()
    assert podium(path, "--mode", "infer", "--run", folder / "trial-001") == 2
    assert "no finished run" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_with_another_space_is_refused_until_the_first_is_finished(config, tmp_path, capsys):
    path = config(trials=1, repeat=0)
    assert sweep(path) == 0
    (tmp_path / "runs" / "test_sweep" / "001" / "result.json").unlink()
    path.write_text(path.read_text().replace("1e-1 log", "1 log"))
    assert sweep(path) == 2
    error = capsys.readouterr().err
    assert "[sweep.space] optimizer.lr was 1e-3 .. 1e-1 log and is now 1e-3 .. 1 log" in error
    assert "--new" in error


def test_what_a_sweep_can_not_do_is_one_sentence(config, tmp_path, capsys):
    path = config()
    for arguments, said in (
        (("--set", "run.folds=all"), "each trial of a sweep is one run"),
        (("--resume",), "--resume has no meaning with --mode sweep"),
        (("--set", "sweep.trials=0"), "[sweep] trials: 0 is not"),
        (("--set", "sweep.folds=0,9"), "[sweep] folds: fold = 9 is not one of the folds"),
        (("--set", "sweep.folds=1,1"), "[sweep] folds = 1, 1: a fold is there twice."),
        (("--set", "sweep.prune=maybe"), "'maybe' is not one of"),
    ):
        assert sweep(path, *arguments) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_training_by_a_config_with_a_space_ignores_it(config, tmp_path):
    assert podium(config()) == 0
    assert "sweep.space" not in (tmp_path / "runs" / "test" / "001" / "config.ini").read_text()
