"""Weights of runs, sent to a folder or a bucket by their SHA-256, and fetched by a teammate."""

import json
import shutil

import pytest
import torch

from run import main
from tests.experiment.smallest import SMALLEST
from tests.tools.runs.made import made_run
from train import checkpoint

fsspec = pytest.importorskip("fsspec", reason="needs fsspec: pip install fsspec")


@pytest.fixture
def team(tmp_path):
    """A run with weights, and a clone of it as git brings it: without checkpoints."""
    for who in ("ann", "bob"):
        config = tmp_path / who / "config.ini"
        config.parent.mkdir()
        config.write_text(SMALLEST.replace("[paths]\n", f"[paths]\nruns = {tmp_path}/{who}/runs\n"))
    run = made_run(tmp_path / "ann" / "runs" / "test" / "001", members=2)
    for number in range(2):
        values = {"model": {"w": torch.full((300,), float(number))}, "scores": {"epoch": 1}}
        checkpoint.save(run / f"fold-{number}" / "checkpoints", "best", 10, values)
    return tmp_path


def podium(team, who, *arguments):
    return main(["--config", str(team / who / "config.ini"), *map(str, arguments)])


def clone(team):
    """Let git bring Ann's runs to Bob."""
    leave = shutil.ignore_patterns("checkpoints")
    shutil.copytree(team / "ann" / "runs", team / "bob" / "runs", ignore=leave, dirs_exist_ok=True)
    return team / "bob" / "runs" / "test" / "001"


@pytest.mark.parametrize("url", ["{team}/shared", "file://{team}/shared", "memory://shared"])
def test_weights_arrive_as_they_were(team, url, capsys):
    url = url.format(team=team)
    assert podium(team, "ann", "--mode", "push", "--url", url) == 0
    assert "4 files" in capsys.readouterr().out
    run = clone(team)
    assert podium(team, "bob", "--mode", "pull", "001") == 0
    for number in range(2):
        loaded = checkpoint.load(run / f"fold-{number}" / "checkpoints", "best")
        assert loaded["model"]["w"].eq(number).all()
    assert podium(team, "bob", "--mode", "pull", "001") == 0
    assert "0 files fetched, 4 were here" in capsys.readouterr().out
    assert podium(team, "ann", "--mode", "push", "--url", url) == 0
    assert "0 of them new" in capsys.readouterr().out


def test_a_file_that_is_damaged_there_or_gone_is_refused_and_nothing_is_left(team, capsys):
    assert podium(team, "ann", "--mode", "push", "--url", team / "shared") == 0
    run = clone(team)
    stored = max(
        (path for path in (team / "shared").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    assert podium(team, "bob", "--mode", "pull", "001") == 3
    assert "its SHA-256 is another one" in capsys.readouterr().err
    left = {path.name for path in run.rglob("checkpoints/*")}
    assert not any(name.startswith(".") for name in left)
    stored.unlink()
    assert podium(team, "bob", "--mode", "pull", "001") == 3
    assert "ask who trained it to push it" in capsys.readouterr().err


def test_a_local_file_that_is_damaged_is_fetched_again(team):
    assert podium(team, "ann", "--mode", "push", "--url", team / "shared") == 0
    run = clone(team)
    assert podium(team, "bob", "--mode", "pull", "001") == 0
    weights = next((run / "fold-1" / "checkpoints").glob("*.safetensors"))
    right = weights.read_bytes()
    weights.write_bytes(right[:-4] + b"\0\0\0\1")
    assert podium(team, "bob", "--mode", "pull", "001") == 0
    assert weights.read_bytes() == right


@pytest.mark.parametrize(
    "name", ["../../../evil.json", "/tmp/evil.json", "checkpoints/../x.json", "config.ini"]
)
def test_a_list_of_files_can_not_write_outside_of_checkpoints(team, capsys, name):
    assert podium(team, "ann", "--mode", "push", "--url", team / "shared") == 0
    run = clone(team)
    listed = json.loads((run / "weights.json").read_text())
    listed["files"] = {name: next(iter(listed["files"].values()))}
    del listed["digest"]
    (run / "weights.json").write_text(json.dumps(listed))
    assert podium(team, "bob", "--mode", "pull", "001") == 3
    assert "is no file of a run's checkpoints" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--mode", "push"), 2, "write [share] url"),
        (("--mode", "push", "--url", "nowhere://x"), 2, "nowhere"),
        (("--mode", "push", "009", "--url", "x"), 2, "There is no run '009'"),
        (("--mode", "pull"), 3, "There is no file"),
        (("--mode", "push", "--resume"), 2, "--resume has no meaning"),
        (("--mode", "push", "--url", "/proc/x"), 4, "can't be written"),
    ],
)
def test_what_can_not_be_shared_is_one_sentence(team, capsys, arguments, code, said):
    assert podium(team, "ann", *arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
