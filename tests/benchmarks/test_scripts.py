"""Each benchmark runs from its command to its lines of JSON, at its smallest size, on drawn images."""

import json

import pytest

from tests.forks import python_process
from tests.people import lay_out_people

NET = ["--model", "test_efficientnet"]  # timm's own for tests
EPOCH = [
    "train_epoch", *NET, "--images", "14", "--batch", "7", "--size", "32", "24", "--turns", "2",
    "--sweep", "0",
]  # fmt: skip
SCRIPTS = {
    "train_epoch": ([*EPOCH, "--peers", "bare", "timm"], ["ratio"] * 2),
    "other_precision": (
        [*EPOCH, "--peers", "bare", "--precision", "bfloat16", "--peer-precision", "float32"],
        ["ratio"],
    ),
    "same_answers": (["same_answers", "--images", "14", "--train-images", "64"], ["figure"] * 8),
    "first_epoch": ([*EPOCH, "--first"], ["ratio"]),
    "store_build": (["store_build", "--images", "64", "--turns", "2"], ["ratio"] * 2),
    "compressed": (["compressed", "--images", "4", "--turns", "2"], ["ratio", "figure"]),
    "predicting": (
        ["predicting", "--models", "test_efficientnet", "--batch", "2", "--turns", "1"],
        ["ratio"] * 2,
    ),
    "start_up": (["start_up", "--images", "64", "--turns", "2"], ["ratio", "figure"]),
    "infer": (
        ["infer", *NET, "--images", "30", "--turns", "2", "--train-images", "64", "--sweep", "0"],
        ["ratio", "ratio", "figure"],
    ),
    "memory": (["memory", *NET, "--images", "70", "--steps", "1"], ["figure"] * 3),
    "growth": (
        ["growth", "images", "heads", "--images", "64", "128", "--sizes", "2", "--epoch", "32"],
        ["growth"] * 4,
    ),
    "shared_cores": (
        ["shared_cores", "--nets", "small_three_heads", "--turns", "1", "--seconds", "0.1"],
        ["figure", "ratio", "figure", "ratio", "figure"],
    ),
    "workers": (
        ["workers", "--recipes", "small_three_heads", "--images", "70", "--epochs", "2", "--turns", "1"],
        ["ratio"],
    ),
    "profile_step": (["profile_step", "--steps", "1", "--models", "test_efficientnet"], ["profile"]),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "data"
    lay_out_people(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_with_its_lines(name, drawn, tmp_path):
    arguments, kinds = SCRIPTS[name]
    picture = ["--picture", str(tmp_path / "a.png")] if name == "profile_step" else []
    words = ("-m", f"benchmarks.{arguments[0]}", *arguments[1:], *picture)
    script = python_process(tmp_path, *words, PODIUM_DATA=str(drawn))
    out, errors = script.communicate()
    assert script.returncode == 0, errors
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [line["kind"] for line in lines] == kinds
    assert {line["benchmark"] for line in lines} == {arguments[0]}
    for line in lines:
        values = [*line.get("podium_turns", ()), *line.get("peer_turns", ()), *line.get("costs", ())]
        assert all(value > 0 for value in values) or name == "memory"
    if name == "infer":  # one module on the same files: only how they are shrunk differs
        assert lines[-1]["podium"] >= 0.8
    if name == "profile_step":
        assert sum(lines[0]["parts"].values()) == pytest.approx(100, abs=5)
        assert (tmp_path / "a.png").stat().st_size > 1000
