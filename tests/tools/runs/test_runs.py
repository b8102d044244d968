"""All runs in one table: what it says of each, which it shows, and that nothing damaged breaks it."""

import csv
import json
import subprocess
import time

import pytest

from run import main
from tests.experiment.smallest import SMALLEST
from tests.tools.runs.made import made_run
from tools.runs.differences import value_of
from tools.runs.facts import read_facts
from tools.runs.folders import run_folders
from tools.runs.index import NAME, read_all


@pytest.fixture
def config(tmp_path):
    text = SMALLEST.replace("[paths]\n", f"[paths]\nruns = {tmp_path}/runs\ncache = {tmp_path}/cache\n")
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    return tmp_path / "config.ini"


@pytest.fixture
def runs(tmp_path):
    made_run(tmp_path / "runs" / "a" / "001", score=0.5)
    made_run(tmp_path / "runs" / "a" / "002", score=0.7, optimizer__lr="0.01")
    made_run(tmp_path / "runs" / "b" / "001", score=0.6, members=5, who="Bob", model__width="8")
    made_run(tmp_path / "runs" / "b" / "002", score=None)
    return tmp_path / "runs"


def podium(config, *arguments):
    return main(["--config", str(config), "--mode", "runs", *map(str, arguments)])


def lines(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(("a/", "b/", "runs/"))]


def test_each_run_has_a_line_the_best_one_first(config, runs, capsys):
    assert podium(config) == 0
    out = capsys.readouterr().out
    listed = [line.split() for line in out.splitlines() if line.startswith(("a/", "b/"))]
    assert [line[0] for line in listed] == ["a/002", "b/001", "a/001", "b/002"]
    assert listed[0][1:4] == ["0.7000", "[0.680,", "0.720]"]
    assert listed[1][4:] == ["all", "of", "5", "7.5", "1.5", "2026-11-26", "08:00", "abcdef01", "Bob"]
    assert listed[3][1] == "unfinished"
    assert "Best macro-F1 of 3 runs: 0.7000" in out


def test_against_a_run_only_the_keys_that_differ_are_shown(config, runs, capsys):
    assert podium(config, "--against", "a/001") == 0
    listed = {line.split()[0]: line for line in lines(capsys)}
    assert listed["a/002"].endswith("optimizer.lr = 0.01")
    assert listed["b/001"].endswith("model.width = 8")
    assert listed["a/001"].endswith("(the base)")


def test_a_key_that_is_left_out_is_held_against_its_default(runs, tmp_path):
    written = made_run(tmp_path / "runs" / "c" / "001", train__batch_size="64", optimizer__lr="0.001")
    facts = [read_facts(folder, folder.name) for folder in (runs / "a" / "001", written)]
    assert value_of(facts[0], "train.batch_size") == value_of(facts[1], "train.batch_size") == "64"
    assert value_of(facts[0], "optimizer.lr") == value_of(facts[1], "optimizer.lr") == "0.001"


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        (("model.width=8",), ["b/001"]),
        (("optimizer.lr=1e-2",), ["a/002"]),
        (("who=bob",), ["b/001"]),
        (("score>0.55", "who!=bob"), ["a/002"]),
        (("score<=0.5",), ["a/001"]),
        (("state=unfinished",), ["b/002"]),
        (("minutes >= 7",), ["b/001"]),
    ],
)
def test_where_chooses_by_settings_and_by_columns(config, runs, capsys, conditions, names):
    wanted = [part for condition in conditions for part in ("--where", condition)]
    assert podium(config, *wanted) == 0
    assert [line.split()[0] for line in lines(capsys)] == names


def test_sorted_by_a_column_or_a_setting_either_way(config, runs, capsys):
    assert podium(config, "--sort", "minutes", "--reverse") == 0
    assert lines(capsys)[0].startswith("b/001")
    assert podium(config, "--sort", "run") == 0
    assert [line.split()[0] for line in lines(capsys)] == ["a/001", "a/002", "b/001", "b/002"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--where", "model.nmae=x"), "Did you mean 'model.name'?"),
        (("--where", "score"), "is no condition: write KEY=VALUE"),
        (("--where", "score>good"), "'good' is not a number"),
        (("--sort", "scor"), "Did you mean 'score'?"),
        (("--against", "a/009"), "There is no run 'a/009'"),
        (("--out", "runs.pdf"), ".csv, .md, .html"),
        (("nowhere",), "ConfigError: There is no folder nowhere. Name folders with runs"),
        (("--first", "-3"), "--first -3"),
        (("--run", "001"), "no meaning with --mode runs"),
    ],
)
def test_what_can_not_be_meant_is_one_sentence(config, runs, capsys, arguments, said):
    assert podium(config, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def damage_scores(folder):
    (folder / "scores.json").write_text('{"scores": {"macro_f1": ')


def damage_value(folder):
    text = (folder / "scores.json").read_text().replace("0.5", "0.9")
    (folder / "scores.json").write_text(text)


def damage_config(folder):
    (folder / "config.ini").write_bytes(b"\xff\xfe[run")


def lose_environment(folder):
    (folder / "environment.json").unlink()


def lose_config(folder):
    (folder / "config.ini").unlink()


def tear_metrics(folder):
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])


def array_scores(folder):
    (folder / "scores.json").write_text("[1, 2]")


def folder_scores(folder):
    (folder / "scores.json").unlink()
    (folder / "scores.json").mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        damage_scores,
        damage_value,
        damage_config,
        lose_environment,
        lose_config,
        tear_metrics,
        array_scores,
        folder_scores,
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_listed(config, runs, capsys, damage, tmp_path):
    damage(runs / "a" / "001")
    page = tmp_path / "all.html"
    assert podium(config, "--out", page, "--out", tmp_path / "all.csv") == 0
    printed = capsys.readouterr()
    assert "Can't be read as a whole:" in printed.out
    assert f"{runs / 'a' / '001'}" in printed.out.partition("Can't be read as a whole:")[2]
    assert "a/002" in printed.out
    assert page.exists()


def test_teammates_clones_are_listed_with_who_committed_their_runs(config, runs, tmp_path, capsys):
    clone = tmp_path / "teammate"
    made_run(clone / "runs" / "x" / "001", score=0.9, who="")
    (clone / "run.py").write_text("")
    (clone / "config.ini").write_text(SMALLEST)
    for command in (
        ("init", "-q"), ("add", "."),
        ("-c", "user.name=Kim 철수", "-c", "user.email=k@x", "commit", "-qm", "runs"),
    ):  # fmt: skip
        subprocess.run(["git", "-C", clone, *command], check=True)
    assert podium(config, clone) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("x/001"))
    assert line.endswith("Kim 철수")
    assert "Best macro-F1 of 4 runs: 0.9000" in out


def test_runs_of_several_metrics_are_sorted_apart(config, runs, capsys):
    made_run(runs / "c" / "001", score=0.2, metric="map")
    assert podium(config) == 0
    out = capsys.readouterr().out
    assert "The only map: 0.2000" in out
    assert "Best macro-F1 of 3 runs: 0.7000" in out


def test_of_an_error_the_smallest_is_best(config, runs, capsys):
    made_run(runs / "c" / "001", score=3.5, metric="mae")
    made_run(runs / "c" / "002", score=2.5, metric="mae")
    assert podium(config, "--where", "metric=mae") == 0
    out = capsys.readouterr().out
    assert out.index("c/002") < out.index("c/001")
    assert "Best mae of 2 runs: 2.5000" in out


def test_csv_has_a_column_for_each_key_that_differs_and_no_formula(config, runs, tmp_path):
    made_run(runs / "c" / "001", score=0.3, who="=HYPERLINK(1)")
    path = tmp_path / "all.csv"
    assert podium(config, "--out", path) == 0
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["score"] for row in rows] == ["0.7", "0.6", "0.5", "0.3", ""]
    assert rows[0]["optimizer.lr"] == "0.01"
    assert {"model.width", "metric", "low", "high"} <= rows[0].keys()
    assert "train.epochs" not in rows[0]
    assert rows[3]["who"] == "'=HYPERLINK(1)"


def test_markdown_keeps_its_cells_whatever_a_run_is_called(config, runs, tmp_path):
    made_run(runs / "c" / "001", score=0.3, who="A|B<script>")
    path = tmp_path / "all.md"
    assert podium(config, "--out", path, "--against", "a/001") == 0
    table = path.read_text(encoding="utf-8").splitlines()
    assert table[1].count("---") == 10
    assert "A\\|B\\<script>" in path.read_text()


def test_only_runs_whose_files_have_changed_are_read_again(runs, tmp_path, monkeypatch):
    folders, cache = run_folders([runs]), tmp_path / "cache"
    first = read_all(folders, cache)
    read = []
    real = read_facts
    monkeypatch.setattr("tools.runs.index.read_facts", lambda *a: read.append(a[0]) or real(*a))
    assert read_all(folders, cache) == first
    assert read == []
    entry = {"epoch": 4, "macro_f1": 0.9, "seconds": 60.0}
    with open(runs / "b" / "001" / "fold-2" / "metrics.jsonl", "a") as file:
        file.write(json.dumps(entry) + "\n")
    again = {run.run: run for run in read_all(folders, cache)}
    assert read == [runs / "b" / "001"]
    assert again["b/001"].minutes == pytest.approx(8.5)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1, "runs": {"x": 3}}', '{"version": 99}'])
def test_a_damaged_index_is_made_anew(runs, tmp_path, text):
    folders, cache = run_folders([runs]), tmp_path / "cache"
    first = read_all(folders, cache)
    (cache / NAME).write_text(text)
    assert read_all(folders, cache) == first


@pytest.mark.slow
def test_a_thousand_runs_are_listed_in_under_five_seconds(config, tmp_path, capsys):
    for number in range(1000):
        made_run(tmp_path / "runs" / "many" / f"{number + 1:03d}", score=number / 1000, epochs=20)
    spent = []
    for _ in range(2):
        start = time.process_time()
        assert podium(config, "--out", tmp_path / "all.html") == 0
        spent.append(time.process_time() - start)
    assert "Best macro-F1 of 1000 runs: 0.9990" in capsys.readouterr().out
    assert max(spent) < 5  # the first time everything is read
