"""Every command that the README and the pages of docs/ show is one that Podium takes, and does."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.command_line import common_parser, parse
from experiment.mode import mode_named
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.conftest import MaskFolder
from tests.test_readme import ROOT, TEXTS

_COMMAND = re.compile(
    r"(?:^|`)(?:    |\$ )?((?:PODIUM_DATA=\S+ )?python (?:run\.py|-m|docs/)[^`\n]*)", re.MULTILINE
)
COMMANDS = sorted({command for text in TEXTS.values() for command in _COMMAND.findall(text)})
OURS = [
    shlex.split(command.partition("run.py")[2], comments=True)
    for command in COMMANDS
    if "run.py" in command and "--mode best" not in command  # an example's own, see test_readme.py
]
OTHERS = [shlex.split(command, comments=True) for command in COMMANDS if "run.py" not in command]
# Done by a test of their own, or as long as a person wants to wait.
ELSEWHERE = ("--resume", "time_limit", "train.plan", "recipes/", "optimizer.lr", "a_small", "onnx", "export")
ELSEWHERE += (
    "--workers",
    "--mode sweep",
    "--mode work",
    "--mode push",
    "--mode pull",
    "clone-of-kim",
    "--against",
)


def ids(arguments: list[str]) -> str:
    return " ".join(arguments) or "(nothing)"


def test_there_are_commands_for_every_mode_that_the_readme_tells_of():
    modes = set(re.findall(r"--mode (\w+)", " ".join(TEXTS[ROOT / "README.md"].split())))
    assert modes <= {arguments[arguments.index("--mode") + 1] for arguments in OURS if "--mode" in arguments}


@pytest.mark.parametrize("arguments", OURS, ids=ids)
def test_a_command_is_one_that_its_mode_takes(arguments):
    parser = common_parser()
    first, _ = parser.parse_known_args(arguments)
    if first.help:
        return
    mode = mode_named(first.mode or "train")
    mode.options(parser)
    parsed = parse(parser, mode, list(arguments))
    texts = [text for text in parsed.overrides if not text.startswith("run.folds=")]
    config = parsed.config if parsed.config.parts[0] == "recipes" else Path("config.ini")
    settings_from(read_sections(ROOT / config, texts), "config.ini")


@pytest.mark.parametrize("command", OTHERS, ids=ids)
def test_a_script_that_is_called_is_there(command):
    words = [word for word in command if not word.startswith("PODIUM_DATA=")][1:]
    path = ROOT / (words[1].replace(".", "/") if words[0] == "-m" else words[0])
    assert any(file.is_file() for file in (path, path.with_suffix(".py"), path / "__main__.py"))


CONFIG = """
[run]
name = demo
device = cpu
[paths]
data = data
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
folds = 2
[images]
size = 32, 24
room = 0.1
[model]
name = TinyNet
width = 4
[train]
epochs = 1
batch_size = 16
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a config, people and the runs that the pages' commands name."""
    folder = tmp_path_factory.mktemp("project")
    MaskFolder(folder / "data", 12)
    (folder / "config.ini").write_text(CONFIG, encoding="utf-8")
    (folder / "a.jpg").write_bytes(next((folder / "data").rglob("*.jpg")).read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("demo", "demo", "demo"):
            assert main(["--folds", "all", "--set", f"run.name={name}"]) == 0
        for name in ("x", "a", "b", "c", "small"):
            shutil.copytree("runs/demo", f"runs/{name}")
        assert main(["--mode", "infer", "--run", "001"]) == 0
        shutil.copy("runs/demo/001/submission.csv", "my.csv")
    return folder


DONE = [arguments for arguments in OURS if not any(word in " ".join(arguments) for word in ELSEWHERE)]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", DONE, ids=ids)
def test_a_command_does_what_it_says_without_a_fault(arguments, project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    assert main(list(arguments)) == 0, capsys.readouterr().err


@pytest.mark.slow
def test_a_model_is_exported_and_used_as_the_page_shows(project, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(project)
    assert main(["--mode", "export", "--run", "001/fold-0"]) == 0
    program = [sys.executable, str(ROOT / "docs" / "use_exported_model.py")]
    shown = subprocess.run(
        [*program, "runs/demo/001/fold-0/model.onnx", "a.jpg"], capture_output=True, text=True, check=True
    )
    assert "mask" in shown.stdout
