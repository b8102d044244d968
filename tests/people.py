"""Drawn people in the layout of the mask competition: drawn once in a process, copied for each who asks."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import cv2

from dataset.demo.draw import draw_demo_data


def lay_out_people(folder: Path, people: int = 20, eval_people: int = 2, *, small: bool = False) -> None:
    """Write what ``draw_demo_data`` draws into a folder that a test may change.

    Args:
        small: 96 x 128 pixels, decoded in a tenth of the time; else 384 x 512, as a user has them.
    """
    shutil.copytree(_drawn(people, eval_people, small), folder)


@cache
def _drawn(people: int, eval_people: int, small: bool) -> Path:
    there = Path(tempfile.mkdtemp(prefix="podium-people-"))
    atexit.register(shutil.rmtree, there, ignore_errors=True)
    draw_demo_data(there / "data", people=people, eval_people=eval_people)
    if small:
        for path in sorted((there / "data").rglob("images/**/*.*")):
            photo = cv2.imread(str(path))
            cv2.imwrite(str(path), cv2.resize(photo, (96, 128), interpolation=cv2.INTER_AREA))
    return there / "data"
