"""All folds of the small recipes by ``--workers auto`` against one fold after another, on a CPU.

    PODIUM_DATA=/path/to/data python -m benchmarks.workers        # under 10 minutes on 2 cores
    python -m benchmarks.workers --recipes small_joint --images 280 --epochs 2 --turns 1
    python -m benchmarks.workers --recipes small_joint --kill 20  # a worker is killed every 20 seconds

Each turn is a whole command, from the start of Python to the scores of all folds together; the images are
prepared before. The two take turns, so that a noisy machine is as unfair to both.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.data import data_folder, kind_of, lay_out, own_paths, work_folder
from benchmarks.rows import Ratio, Target, report

RECIPES = ("small_three_heads", "small_joint", "small_mobilenet")
FASTER = 1.5  # times, at least
_NOT_PASSED = ("PODIUM_DATA", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # all cores are dealt out
_SHORT = 2  # epochs, of the run that only prepares the images: more than the recipes' warm-up
_CHOSEN = re.compile(r"Workers: (\d+)")


def command(recipe: str, work: Path, epochs: int | None, *more: str) -> list[str]:
    """Return the command line of a run over all folds of a recipe."""
    line = [sys.executable, "run.py", "--config", f"recipes/mask/{recipe}.ini", "--folds", "all"]
    texts = [*own_paths(work), "run.device=cpu"]
    texts += [] if epochs is None else [f"train.epochs={epochs}"]
    for text in texts:
        line += ["--set", text]
    return [*line, *more]


def seconds_of(line: list[str], kill: float | None = None) -> tuple[float, str]:
    """Return how long a command takes, and what it prints.

    Args:
        kill: seconds after which one of its workers is killed, again and again.

    Raises:
        RuntimeError: it failed; has its last words.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
    started = time.perf_counter()
    pipe = subprocess.PIPE
    with subprocess.Popen(line, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        while True:
            try:
                out, error = process.communicate(timeout=kill)
                break
            except subprocess.TimeoutExpired:
                _kill_a_worker(process.pid)
    took = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(line)} ended with {process.returncode}: {error[-2000:]}")
    return took, out


def _kill_a_worker(foreman: int) -> None:
    """Kill the oldest process that a command has started, if there is one."""
    children = Path(f"/proc/{foreman}/task/{foreman}/children").read_text(encoding="ascii").split()
    if children:
        with suppress(ProcessLookupError):
            os.kill(int(children[0]), signal.SIGKILL)


def measured(recipe: str, work: Path, arguments: argparse.Namespace, kind: str) -> Ratio:
    """Return the row of one recipe."""
    seconds_of(command(recipe, work, _SHORT, "--folds", "0"))  # prepares the images
    ours, theirs, chosen, kills = [], [], "", 0
    for _ in range(arguments.turns):
        line = command(recipe, work, arguments.epochs, "--workers", "auto")
        took, printed = seconds_of(line, arguments.kill)
        ours.append(took)
        chosen = match[1] if (match := _CHOSEN.search(printed)) else chosen
        kills += printed.count("was ended by SIGKILL")
        theirs.append(seconds_of(command(recipe, work, arguments.epochs))[0])

    killed = f", one killed every {arguments.kill:g} s" if arguments.kill else ""
    return Ratio(
        benchmark="workers",
        what=f"all folds of {recipe}, --workers auto{killed}",
        against="one fold after another",
        unit="s",
        podium=ours,
        peer=theirs,
        target=None if arguments.kill else Target(FASTER),
        facts={
            "images": arguments.images,
            "epochs": arguments.epochs,
            "data": kind,
            "workers": chosen,
            "kills": kills,
        },
    )


def main() -> None:
    """Time both in turns, recipe after recipe."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=RECIPES, choices=RECIPES, help="default: all")
    parser.add_argument("--images", type=int, default=1400, help="of all folds (default 1400)")
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--kill", type=float, metavar="SECONDS", help="kill a worker every so many seconds")
    parser.add_argument("--turns", type=int, default=2, help="of each (default 2)")
    arguments = parser.parse_args()
    data = data_folder()
    with work_folder() as work:
        lay_out(data, work / "data", arguments.images, eval_images=7)
        report([measured(recipe, work, arguments, kind_of(data)) for recipe in arguments.recipes])


if __name__ == "__main__":
    main()
