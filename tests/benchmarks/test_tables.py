"""The tables of docs/performance.md."""

import json
from pathlib import Path

import pytest

from benchmarks import all as everything
from benchmarks import tables
from benchmarks.rows import Figure, Growth, Ratio, Target

PAGE = "before\n\n<!-- targets -->\nold\nold\n<!-- end -->\n\nbetween\n<!-- growth -->\n<!-- end -->\nafter\n"
LINES = [
    {"kind": "machine", "cores": 2},
    Ratio(
        benchmark="b", what="epoch", against="a|b", unit="img/s", podium=[30], peer=[20], target=Target(1),
        facts={"settings": "1 workers"},
    ).line(),
    Figure(benchmark="b", what="start", unit="s", values=[3], target=Target(2, at_least=False)).line(),
    Figure(benchmark="b", what="no target", unit="s", values=[3]).line(),
    Growth(benchmark="g", what="time", of="images", unit="s", sizes=[10, 1000], costs=[1, 100],
        target=Target(1.05, at_least=False),
    ).line(),
]  # fmt: skip


def test_only_what_stands_between_the_marks_is_made_anew():
    filled = tables.filled(PAGE, LINES)
    assert filled.startswith("before\n\n<!-- targets -->\n| what |")
    assert "between" in filled
    assert filled.endswith("after\n")
    assert "old" not in filled
    assert tables.filled(filled, LINES) == filled


def test_a_table_says_what_was_met_and_missed_and_leaves_out_what_has_no_target():
    filled = tables.filled(PAGE, LINES)
    assert "| epoch | a\\|b (1 workers) | 30.0 img/s | 20.0 img/s | 1.50 | >= 1 | met |" in filled
    assert "| start |  | 3.00 s |  |  | <= 2 s | missed |" in filled
    assert "no target" not in filled
    assert "| time ~ images | 10: 1.00, 1,000: 100 | s | 1.00 | 0.100 s | exponent <= 1.05 | met |" in filled


def test_the_runs_with_a_time_limit_are_judged_by_their_largest_and_median_ratio_and_faults():
    line = {"kind": "other", "runs": [{}, {}, {}], "max": 1.02, "median": 0.95, "faults": 0}
    filled = tables.filled(PAGE, [line])
    assert "largest of 3 |  | 1.02 of 1 |  |  | <= 1 of 1 | missed |" in filled
    assert "median of 3 |  | 0.950 of 1 |  |  | >= 0.9 of 1 | met |" in filled
    assert "submission |  | 0 of 3 |  |  | <= 0 of 3 | met |" in filled


def test_what_was_not_measured_is_said_and_an_unknown_table_is_refused():
    assert "Not measured yet." in tables.filled(PAGE, [])
    with pytest.raises(ValueError, match="'nothing'"):
        tables.filled("<!-- nothing -->\n<!-- end -->", LINES)


def test_every_table_of_the_page_can_be_made_and_is_made_from_the_kept_lines():
    page = tables.PAGE.read_text(encoding="utf-8")
    lines = [json.loads(text) for text in tables.LINES.read_text(encoding="utf-8").splitlines()]
    assert all(f"<!-- {name} -->" in page for name in tables.MAKERS)
    assert tables.filled(page, lines) == page


def test_a_command_that_ran_again_replaces_its_own_lines_and_no_others(tmp_path):
    path = tmp_path / "lines.jsonl"
    second, first = everything.COMMANDS["infer"][0], everything.COMMANDS["train_epoch"][0]

    def keep(command, value):
        everything.keep(
            path, command, [{"kind": "figure", "value": value, "command": f"python -m {command}"}]
        )

    stale = "benchmarks.infer --as-it-was-called-before"
    for command, value in ((stale, 0), (second, 1), ("benchmarks.unknown", 2), (first, 3), (second, 4)):
        keep(command, value)
    head, *lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert head["kind"] == "machine"
    assert [line["value"] for line in lines] == [3, 4, 2]


def test_every_command_is_a_script_that_there_is():
    groups = [*everything.COMMANDS.values(), *everything.APART.values()]
    for command in (one for commands in groups for one in commands):
        module = command.split()[0].replace(".", "/")
        assert Path(f"{module}.py").is_file()


def test_the_lines_of_a_command_are_kept_with_the_command_and_a_failure_is_seen(capfd):
    module = "benchmarks.growth --help"
    assert everything.run_command(module) == ([], True)
    assert "usage:" in capfd.readouterr().out
    assert everything.run_command("benchmarks.growth nonsense")[1] is False


def test_a_benchmark_that_there_is_not_is_refused_with_those_that_there_are(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["all", "inferr"])
    with pytest.raises(SystemExit):
        everything.main()
    assert "no benchmark inferr: choose from" in capsys.readouterr().err


def test_the_time_limits_are_measured_only_where_they_are_named(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(everything, "run_command", lambda command: (ran.append(command), ([], False))[1])
    monkeypatch.setattr(everything, "data_folder", lambda: tmp_path)
    for names in ([], ["time_limit"]):
        monkeypatch.setattr("sys.argv", ["all", *names, "--lines", str(tmp_path / "none")])
        assert everything.main() == 1
    limits = everything.APART["time_limit"]
    assert ran == [*(one for commands in everything.COMMANDS.values() for one in commands), *limits]


def test_it_is_said_how_long_the_commands_took_when_they_ran_last(tmp_path):
    path = tmp_path / "lines.jsonl"
    lines = [{"command": "python -m a", "took_s": 90}] * 2 + [{"command": "python -m b"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "1 of 3 commands took 1.5 minutes" in everything.planned(["a", "b", "c"], path)
    assert "0 of 1 commands" in everything.planned(["a"], tmp_path / "none")
