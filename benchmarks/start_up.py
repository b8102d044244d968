"""From ``python run.py`` to the first step, with a store that is there already, and where the time goes.

    PODIUM_DATA=/path/to/data python -m benchmarks.start_up --images 18900

Each turn is a new process. Its peer imports torch and timm and ends. The first step begins when its batch
goes into the model.
"""

import argparse
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.rows import Figure, Ratio, Target, aligned, report
from benchmarks.turns import Peer, say

SIZE = (128, 96)  # height, width
# Podium's own functions that are looked at: a part is the time in one, without that in another of them.
PARTS = {
    "the config, with importing what it may name": ("experiment.train:read_settings",),
    "the task": ("experiment.assemble:Experiment.of",),
    "checks before any image": ("experiment.assemble:Experiment.check",),
    "the training table": ("experiment.train:training_table",),
    "opening the store": ("experiment.data:open_images",),
    "the data's fingerprint": ("dataset.readers.base:BaseDataset.fingerprint",),
    "which precision is faster, on a CPU that has two": ("experiment.train:with_faster_precision",),
    "the run's folder": ("experiment.train:create_run", "experiment.train:write_beginning"),
    "the model, optimiser and batches": ("experiment.one_run:assemble_training",),
    "tables of classes and split": ("experiment.one_run:report",),
}
REST = "the rest, the first batch and its augmentation"


class PartTimes:
    """Seconds spent in functions that were wrapped, each without what is spent in another of them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]  # of each function that goes on: seconds of wrapped functions in it

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*arguments, **options)
            finally:
                taken = time.perf_counter() - started
                self.seconds[part] += taken - self._inner.pop()
                self._inner[-1] += taken

        return timed

    def watch(self, part: str, dotted: str) -> None:
        """Wrap ``module:name`` or ``module:Class.name``, where there is such a thing."""
        module, _, names = dotted.partition(":")
        owner: Any = sys.modules.get(module)
        *classes, name = names.split(".")
        for cls in classes:
            owner = getattr(owner, cls, None)
        function = vars(owner).get(name) if owner is not None else None
        if isinstance(function, classmethod):
            setattr(owner, name, classmethod(self.wrap(part, function.__func__)))
        elif function is not None:
            setattr(owner, name, self.wrap(part, function))


def be_podium(work: Path) -> None:
    """Be a run that ends when its first step begins."""
    imported: dict[str, float] = {}
    started = time.perf_counter()
    import torch  # noqa: F401

    imported["import torch"] = time.perf_counter() - started
    import timm  # noqa: F401

    imported["import timm"] = time.perf_counter() - started - imported["import torch"]
    from benchmarks.real_run import leave, podium
    from experiment.mode import MODES

    MODES.names()  # imports them all, as run.py does
    imported["import the rest"] = time.perf_counter() - started - sum(imported.values())
    parts = PartTimes()
    for part, calls in PARTS.items():
        for dotted in calls:
            parts.watch(part, dotted)
    started = time.perf_counter()

    def listen(moment: str, _: object) -> None:
        if moment == "forward":
            seconds = time.perf_counter() - started
            rest = {REST: seconds - sum(parts.seconds.values())}
            say(imported=imported, seconds=seconds, parts=dict(parts.seconds) | rest)
            leave()

    podium(work, listener=listen)


def import_seconds() -> float:
    """Return the seconds of a whole process that imports torch and timm."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, timm"], check=True)
    return time.perf_counter() - started


def launch(work: Path) -> dict[str, Any]:
    """Return what a new process of Podium says, and after how many seconds it said so."""
    peer = Peer("podium", ["-m", "benchmarks.start_up", "--be", "podium", "--work", str(work)])
    peer.end()
    return peer.ready


def main() -> None:
    """Time both in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=18_900, help="to train on (default 18900)")
    parser.add_argument("--turns", type=int, default=5, help="the first one apart (default 5)")
    parser.add_argument("--model", default="mobilenetv3_small_050", help="a backbone of timm")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be_podium(arguments.work)
        return

    data = data_folder()
    config = {
        "images.size": f"{SIZE[0]}, {SIZE[1]}",
        "augmentation.name": "TrainAugmentation",
        "model.name": "TimmModel",
        "model.backbone": arguments.model,
        "callback.Probe.": "",
    }

    with work_folder() as work:
        lay_out(data, work / "data", arguments.images)
        write_config(work, config)
        launched, imports = [], []
        for _ in range(arguments.turns):
            launched.append(launch(work))
            imports.append(import_seconds())
    show(arguments, kind_of(data), launched[1:] or launched, imports[1:] or imports)


def show(
    arguments: argparse.Namespace, kind: str, launched: list[dict[str, Any]], imports: list[float]
) -> None:
    """Print the rows and the parts, of medians."""
    parts = {
        part: median(turn[group].get(part, 0.0) for turn in launched)
        for group in ("imported", "parts")
        for part in launched[0][group]
    }

    print(aligned([(part, f"{seconds:.2f} s") for part, seconds in parts.items()]), end="\n\n")
    facts = {"images": arguments.images, "data": kind}
    shown = {part: round(seconds, 3) for part, seconds in parts.items()}

    report(
        [
            Ratio(
                benchmark="start_up",
                what="python run.py to the first step",
                against="importing torch and timm",
                unit="s",
                podium=[turn["launch"] for turn in launched],
                peer=imports,
                facts=facts,
            ),
            Figure(
                benchmark="start_up",
                what="from all imports to the first step",
                unit="s",
                values=[turn["seconds"] for turn in launched],
                target=Target(2, at_least=False),
                facts=facts | {"parts": shown},
            ),
        ]
    )


if __name__ == "__main__":
    main()
