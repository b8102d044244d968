"""MLflow and Weights & Biases: what they are told, and that a server that is away stops nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from train.callbacks.outbox import Outbox

WARNINGS = pytest.mark.filterwarnings("ignore")  # of clients that are not ours


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trackers") / "data"
    lay_out_people(folder)
    return folder


@pytest.fixture
def config(tmp_path, data):
    text = SMALL_RUN.format(data=data, work=tmp_path).replace("epochs = 1", "epochs = 2")
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    return tmp_path / "config.ini"


def podium(config, *arguments):
    return main(["--config", str(config), *map(str, arguments)])


def epochs_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@WARNINGS
@pytest.mark.slow
def test_mlflow_has_each_epoch_the_config_the_members_and_the_submission(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a store without a server puts its files
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    pytest.importorskip("sqlalchemy", reason="needs sqlalchemy, for a store without a server")
    url = os.environ.get("TEST_MLFLOW_URL") or f"sqlite:///{tmp_path}/mlflow.db"
    name = f"test {tmp_path.name} {time.time()}"
    tracked = ("--set", f"callback.MLflow.url={url}", "--set", f"callback.MLflow.experiment={name}")
    assert podium(config, *tracked, "--folds", "0,1") == 0
    assert podium(config, "--mode", "infer") == 0

    client = mlflow.MlflowClient(tracking_uri=url)
    runs = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert set(by_name) == {"test/001", "fold-0", "fold-1"}
    for member in ("fold-0", "fold-1"):
        run, folder = by_name[member], tmp_path / "runs" / "test" / "001" / member
        assert run.data.tags["mlflow.parentRunId"] == by_name["test/001"].info.run_id
        assert run.info.status == "FINISHED"
        assert run.data.params["model.name"] == "TinyNet"
        points = client.get_metric_history(run.info.run_id, "macro_f1")
        assert [(point.step, point.value) for point in points] == [
            (entry["epoch"], entry["macro_f1"]) for entry in epochs_of(folder)
        ]
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"config.ini", "metrics.jsonl", "pictures"} <= files
    whole = {file.path for file in client.list_artifacts(by_name["test/001"].info.run_id)}
    assert {"submission.csv", "scores.json"} <= whole


@WARNINGS
@pytest.mark.slow
def test_an_mlflow_server_that_is_away_stops_nothing_and_is_named_once(config, tmp_path, capsys):
    pytest.importorskip("mlflow", reason="needs the extra mlflow")
    assert podium(config, "--set", "callback.MLflow.url=http://127.0.0.1:9") == 0
    out = capsys.readouterr().out
    assert out.count("MLflow can't be reached, so it is told later") == 1
    assert out.count("MLflow can't be reached, so it is not told") == 1
    assert len(epochs_of(tmp_path / "runs" / "test" / "001")) == 2


@WARNINGS
@pytest.mark.slow
def test_wandb_keeps_a_run_offline(config, tmp_path):
    pytest.importorskip("wandb", reason="needs the extra wandb")
    process = subprocess.run(
        [
            sys.executable, "run.py", "--config", str(config),
            "--set", "callback.WandB.mode=offline", "--set", "callback.WandB.project=test",
        ],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert "can't be reached" not in process.stdout
    kept = list((tmp_path / "runs" / "test" / "001" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(kept) == 1
    content = kept[0].read_bytes()
    assert b"macro_f1" in content
    assert b"model.name" in content


@pytest.mark.parametrize(("name", "extra"), [("MLflow", "mlflow"), ("WandB", "wandb")])
def test_a_tracker_that_is_not_installed_says_what_to_install(
    config, tmp_path, monkeypatch, capsys, name, extra
):
    monkeypatch.setitem(sys.modules, extra, None)
    option = "url=http://x" if name == "MLflow" else "project=x"
    assert podium(config, "--set", f"callback.{name}.{option}") == 2
    assert f"pip install -r requirements-{extra}.txt" in capsys.readouterr().err
    assert not list((tmp_path / "runs").rglob("config.ini"))


def test_nothing_of_the_trackers_is_imported_without_them():
    code = "import run, experiment.train, sys; from train.callbacks.base import CALLBACKS; CALLBACKS.names();"
    code += "from experiment.mode import MODES; MODES.names();"
    code += "print([m for m in ('mlflow', 'wandb', 'optuna', 'pandas') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.strip() == "[]"


def test_a_server_that_was_away_is_left_alone_for_a_while_and_then_told_everything(monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("train.callbacks.outbox.time.monotonic", lambda: now[0])
    outbox, asked, away = Outbox("The server"), [], [True]

    def tell():
        asked.append(now[0])
        if away[0]:
            raise ConnectionError("no route")

    now[0] = 1.0
    assert not outbox.send(tell)
    now[0] = 30.0
    assert not outbox.send(tell)
    assert asked == [1.0]
    now[0], away[0] = 100.0, False
    assert outbox.send(tell)
    assert outbox.send(tell)
    assert asked == [1.0, 100.0, 100.0]
    away[0] = True
    assert not outbox.send(tell, last=True)
    assert [record.message for record in caplog.records] == [
        "The server can't be reached, so it is told later: no route",
        "The server can't be reached, so it is not told: no route",
    ]
