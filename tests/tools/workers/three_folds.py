"""Runs over three folds, held against the one that was trained one after another."""

import subprocess
import sys

from run import main
from tests.forks import podium_process, python_process
from tests.test_run import ROOT
from tools.workers.record import MemberRecord

THREE = ("--set", "dataset.folds=3", "--set", "train.epochs=2")
FOLDS = ("--folds", "all", *THREE)
_EIGHT_CORES = """
import sys
from run import main
from tools.workers import slots

slots.cores = lambda: 8
sys.exit(main(sys.argv[1:]))
"""
BYTES = ("valid_predictions.csv", "scores.json", "split.csv", "class_table.csv", "config.ini")


def podium(config, *arguments):
    return main(["--config", str(config), *map(str, arguments)])


def command(config, *arguments):
    """Return a process, and any worker that it starts, as forks: they import nothing."""
    return podium_process(config.parent, "--config", str(config), *map(str, arguments))


def command_with_eight_cores(config, *arguments):
    """Return the same where the machine has eight cores."""
    return python_process(config.parent, "-c", _EIGHT_CORES, "--config", str(config), *map(str, arguments))


def whole_command(config, *arguments):
    """Return a process of a new Python, whose workers an engine starts."""
    line = [sys.executable, "run.py", "--config", str(config), *map(str, arguments)]
    return subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def next_run(work):
    """Return the folder that the next run gets."""
    runs = work / "runs" / "one"
    return runs / f"{len(list(runs.glob('0*'))) + 1:03d}"


def assert_same_bytes(run, reference):
    """Everything that a run over folds keeps is the same, but for times and its own name."""
    for name in ("out_of_fold.csv", "scores.json"):
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    for member in sorted(reference.glob("fold-*")):
        own = run / member.name
        for name in BYTES:
            assert (own / name).read_bytes() == (member / name).read_bytes(), (member.name, name)
        # The newest of each kind: the one before it may be of the moment at which a run was stopped.
        newest = [max((member / "checkpoints").glob(f"{kind}-*.safetensors")) for kind in ("best", "last")]
        for file in newest:
            assert (own / "checkpoints" / file.name).read_bytes() == file.read_bytes(), file
        assert not (own / "failed.json").exists()
        assert MemberRecord(own).worker == ""
