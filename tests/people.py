"""Drawn people in the layout of the mask competition: drawn once in a process, copied for each who asks."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from dataset.demo.draw import draw_demo_data


def lay_out_people(folder: Path, people: int = 20, eval_people: int = 2) -> None:
    """Write what ``draw_demo_data`` draws into a folder that a test may change."""
    shutil.copytree(_drawn(people, eval_people), folder)


@cache
def _drawn(people: int, eval_people: int) -> Path:
    there = Path(tempfile.mkdtemp(prefix="podium-people-"))
    atexit.register(shutil.rmtree, there, ignore_errors=True)
    draw_demo_data(there / "data", people=people, eval_people=eval_people)
    return there / "data"
