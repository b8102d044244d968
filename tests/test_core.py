"""The core: the files that the README names to be read in an hour, and what it does without the tools."""

import ast
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.experiment.smallest import SMALL_RUN
from tests.forks import python_elsewhere

ROOT = Path(__file__).parents[1]
MOST = 4000  # lines, of all listed files together
ROOMS = sorted(path.name for path in (ROOT / "tools").iterdir() if (path / "__init__.py").exists())
# What ``python run.py`` and ``--mode infer`` go through, by the name that is defined there.
WAY = (
    "main", "Mode", "Settings", "read_sections", "Train", "Experiment", "assemble_training", "Task",
    "MaskTask", "BaseDataset", "EvalDataset", "Prepare", "Sampler", "TrainBatches", "EvalBatches",
    "Augmentation", "Classifier", "PerHeadLoss", "Scheduler", "parameter_groups", "TrainState", "Trainer",
    "Validator", "Callback", "train_run", "finish", "predict", "Inferrer", "write_submission", "Infer",
)  # fmt: skip
TRAIN_AND_SUBMIT = """\
import sys
from run import main
sys.exit(main(["--config", sys.argv[1]]) or main(["--config", sys.argv[1], "--mode", "infer"]))
"""


def listed() -> list[str]:
    """Return the files in the README's section, in their order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Read it in an hour\n")[2].partition("\n## ")[0]
    return re.findall(r"^(?:\| |- )`([^`]+\.py)`", section, flags=re.MULTILINE)


def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def imported(path: str) -> set[str]:
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_every_file_of_the_core_is_there_and_named_once() -> None:
    files = listed()
    assert len(files) > 20
    assert files[0] == "run.py"
    assert len(set(files)) == len(files)
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_the_core_can_be_read_in_an_hour() -> None:
    lines = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in listed()}
    assert sum(lines.values()) <= MOST, sorted(lines.items(), key=lambda item: -item[1])


def test_the_core_imports_no_tool() -> None:
    tools = {
        name: {module for module in imported(name) if module.partition(".")[0] == "tools"}
        for name in listed()
    }
    assert {name: modules for name, modules in tools.items() if modules} == {}


def test_the_core_has_the_whole_way_from_a_config_to_a_submission() -> None:
    names = {name for path in listed() for name in defined(path)}
    assert [step for step in WAY if step not in names] == []


def without(folder: Path, rooms: list[str] | None) -> None:
    """Lay the tree out in ``folder`` without some rooms of ``tools/``; None: without ``tools/`` at all."""
    hidden = {"tools", "run.py", "runs", "data", "tests", "config.ini"}
    for path in ROOT.iterdir():
        if path.name not in hidden and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    shutil.copyfile(ROOT / "run.py", folder / "run.py")
    if rooms is not None:
        (folder / "tools").mkdir()
        for path in (ROOT / "tools").iterdir():
            if path.name not in rooms:
                (folder / "tools" / path.name).symlink_to(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rooms", [None, *([room] for room in ROOMS)], ids=lambda rooms: (rooms or ["all"])[0]
)
def test_without_a_room_it_still_trains_and_submits(
    rooms: list[str] | None, tmp_path: Path, mask_folder: Callable[..., object]
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    without(tree, rooms)
    config = tmp_path / "config.ini"
    config.write_text(SMALL_RUN.format(data=mask_folder().root, work=tmp_path), encoding="utf-8")

    process = python_elsewhere(tmp_path, tree, "-c", TRAIN_AND_SUBMIT, str(config))
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    rows = (tmp_path / "runs" / "test" / "001" / "submission.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 3  # the eval images
