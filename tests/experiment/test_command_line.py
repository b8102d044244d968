"""The command line: what all modes take is parsed once, and each mode adds what is its own."""

import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from experiment.command_line import SHARED, common_parser, parse
from experiment.mode import MODES, Mode, mode_named
from experiment.mode_lines import mode_lines
from run import main
from tools.compare.mode import Compare
from utils.docstrings import told_in_a_line
from utils.errors import ConfigError

ROOT = Path(__file__).parents[2]


class Judge(Mode):
    """Give a file a score."""

    takes = ("folds", "seeds")
    may_set = ("paths", "run.folds")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?")
        parser.add_argument("--public", type=float)


def parsed(mode: type[Mode], *arguments: str):
    parser = common_parser()
    mode.options(parser)
    return parse(parser, mode, list(arguments))


def test_a_mode_gets_its_own_options_wherever_they_stand():
    for order in (["a.csv", "--public", "0.7"], ["--public=0.7", "a.csv"]):
        found = parsed(Judge, *order, "--set", "paths.runs=x", "--mode", "judge")
        assert (found.file, found.public, found.overrides) == ("a.csv", 0.7, ["paths.runs=x"])
    found = parsed(Judge)
    assert (found.file, found.public, found.resume, found.run) == (None, None, False, None)


def test_the_short_forms_of_all_modes_become_settings():
    assert parsed(Judge, "--folds", "all", "--seeds=3").overrides == ["run.folds=all", "run.seeds=3"]


def test_what_a_mode_does_not_take_is_refused_with_the_nearest_that_it_does():
    with pytest.raises(
        ConfigError, match=r"--mode judge does not take: --pubic=0\.7\. Did you mean --public"
    ):
        parsed(Judge, "--pubic=0.7")
    with pytest.raises(
        ConfigError, match=r"--mode mode does not take: --public 0\.7\. What it takes: .*--help"
    ):
        parsed(Mode, "--public", "0.7")
    with pytest.raises(ConfigError, match="does not take: two three"):
        parsed(Judge, "one", "two", "three")


def test_a_mode_is_named_in_lower_case_and_a_wrong_name_gets_the_nearest():
    assert mode_named("compare") is Compare
    for wrong in ("Compare", "compar"):
        with pytest.raises(ConfigError, match="Did you mean 'compare'"):
            mode_named(wrong)


def test_help_shows_each_mode_and_each_mode_its_own(capsys):
    lines = mode_lines()
    assert set(lines) == set(map(str.lower, MODES.names()))
    assert list(lines)[:2] == ["train", "infer"]
    for name in MODES.names():
        assert lines[name.lower()] == told_in_a_line(MODES.get(name))
    assert main(["--mode", "compare", "--help"]) == 0
    text = capsys.readouterr().out
    assert "Print whether the second of two finished runs is better" in text
    assert "each by version or path" in text
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "each by version or path" not in text
    for name, line in lines.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", MODES.names())
def test_the_help_of_a_mode_offers_what_it_takes_and_nothing_that_it_refuses(name, capsys):
    mode = MODES.get(name)
    assert main(["--mode", name.lower(), "--help"]) == 0
    text = capsys.readouterr().out
    usage = text.partition("\n\n")[0]
    assert {option for option in SHARED if re.search(rf"--{option}\b", usage)} == set(mode.takes)
    assert ("--set can change: " in text) == (mode.may_set is not None)
    for section in mode.may_set or ():
        assert re.search(rf"--set can change: .*\b{section}\b", text)


def test_a_wrong_value_of_an_option_of_a_mode_points_to_the_help_of_that_mode(capsys):
    assert main(["--mode", "soup", "a", "b", "--recipe", "gredy"]) == 2
    assert "What it takes: python run.py --mode soup --help" in capsys.readouterr().err


def test_help_answers_without_torch():
    code = "import sys, run; run.main(['--help']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_help_and_list_print_no_marks_or_indentation_of_the_source(capsys):
    for arguments in (["--mode", "list"], *(["--mode", name.lower(), "--help"] for name in MODES.names())):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "``" not in text, arguments
        about = text.partition("\n\n")[2].partition("options:")[0]
        assert "list" in arguments or not re.search(r"^    \S|^ +$", about, re.MULTILINE), arguments
        assert not re.search(r" $", text, re.MULTILINE) or "list" not in arguments, arguments


@pytest.mark.parametrize("option", ["--final", "--set", "--mode", "--config", "--run", "--folds", "--seeds"])
def test_an_option_without_its_value_is_one_sentence(option, capsys):
    assert main([option]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(rf"ConfigError: {option} needs a value: {option} \S+\n", error)


def test_a_modes_own_option_without_its_value_is_one_sentence(capsys):
    assert main(["--mode", "infer", "--out"]) == 2
    assert capsys.readouterr().err == "ConfigError: --out needs a value: --out FOLDER\n"


@pytest.mark.parametrize("option", ["final", "folds", "seeds", "run", "config"])
def test_an_empty_value_which_a_shell_makes_of_a_variable_that_is_not_set_is_refused(option, capsys):
    assert main([f"--{option}", ""]) == 2
    assert f"ConfigError: --{option} needs a value: " in capsys.readouterr().err


def test_an_empty_mode_is_not_training(capsys):
    assert main(["--mode", ""]) == 2
    assert "Unknown mode ''" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--resume=yes", "--help=compare"])
def test_an_option_that_takes_no_value_says_so(option, capsys):
    assert main([option]) == 2
    assert f"ConfigError: {option.partition('=')[0]} takes no value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resume",), r"--resume has no meaning with --mode judge\. What it takes: .*--mode judge --help"),
        (("--resume", "--run", "001"), "--resume and --run have no meaning with --mode judge"),
        (("--set", "train.epochs=2"), "--set train.epochs=2 belongs to training; .*: paths, run.folds"),
        (("--set", "run.name=x"), "--set run.name=x belongs to training"),
        (("--set", "path.runs=x"), "--set path.runs=x"),
    ],
)
def test_what_a_mode_declares_no_meaning_for_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed(Judge, *arguments)


def test_every_mode_takes_options_that_there_are() -> None:
    for name in MODES.names():
        assert set(MODES.get(name).takes) <= set(SHARED), name
