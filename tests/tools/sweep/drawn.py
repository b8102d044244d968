"""Sweeps of the smallest runs on drawn people, as processes."""

import subprocess
import sys

from tests.experiment.smallest import SMALL_RUN
from tests.forks import podium_process
from tests.people import lay_out_people
from tests.test_run import ROOT

SPACE = """
[sweep]
trials = {trials}
repeat = {repeat}
seeds = 1
prune = no
[sweep.space]
optimizer.lr = 1e-3 .. 1e-1 log
loss.name = CrossEntropy, LabelSmoothing
loss.smoothing = 0.05 .. 0.2 where loss.name = LabelSmoothing
"""


def data_of(folder):
    """Draw the data into a folder; return where."""
    lay_out_people(folder / "data")
    return folder / "data"


def config_of(work, data, *, trials=3, repeat=0, epochs=1, more=""):
    """Write a config with a space; return its path."""
    text = SMALL_RUN.format(data=data, work=work).replace("epochs = 1", f"epochs = {epochs}")
    path = work / "config.ini"
    path.write_text(text + SPACE.format(trials=trials, repeat=repeat) + more, encoding="utf-8")
    return path


def podium(config, *arguments):
    """Start a command; return its process, which imports nothing, nor does any that it starts."""
    return podium_process(config.parent, "--config", str(config), *map(str, arguments))


def whole_podium(config, *arguments):
    """Start a command as a new Python; return its process, which prints into pipes."""
    line = [sys.executable, "run.py", "--config", str(config), *map(str, arguments)]
    return subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
