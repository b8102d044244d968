"""How the cost of a run grows with images, pixels and heads.

    PODIUM_DATA=/path/to/data python -m benchmarks.growth images pixels heads

``images`` trains a tiny net on tiny copies of the images, so that what Podium itself does for an image is as
large a part as it can be: seconds of an epoch, seconds from the imports to the first step with a store that
is there, and resident memory of the process's own. More images than there are come again under other names.
``pixels`` and ``heads`` train mobilenetv3_small_050: seconds of a step.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.data import data_folder, kind_of, lay_out, shrink, work_folder, write_config
from benchmarks.resident import resident
from benchmarks.rows import Growth, ResultRow, Target, report
from benchmarks.turns import Peer, say
from utils.tables import read_table, write_table

IMAGES = (1_000, 5_000, 18_900, 100_000)
TINY = (32, 24)  # height, width of the tiny copies
SIZES = ((64, 48), (96, 72), (128, 96), (192, 144), (256, 192))  # height, width
HEADS = (2, 6, 18, 54)  # a hierarchy has at least two
LABELS = 4  # of a head
LINEAR, FLAT = Target(1.05, at_least=False), Target(0.1, at_least=False)  # 1.0 and 0, and room for noise
BACKBONE = {"model.name": "TimmModel", "model.backbone": "mobilenetv3_small_050", "train.batch_size": "32"}


def be_run(root: Path, epochs: int) -> None:
    """Be a run of some epochs, or, of none, one that ends with its tenth step or the first epoch."""
    import experiment.train  # noqa: F401  # the modules that run.py imports late
    from benchmarks.real_run import leave, podium
    from train.state import TrainState

    seconds: list[float] = []
    beginning = started = time.perf_counter()
    to_first_step: list[float] = []

    def listen(moment: str, state: TrainState) -> None:
        nonlocal started
        if moment == "epoch":
            started = time.perf_counter()
        elif moment == "forward" and not to_first_step:
            to_first_step.append(time.perf_counter() - beginning)
        elif moment == "trained":
            seconds.append((time.perf_counter() - started) / state.batch)
        if (not epochs and (state.step == 10 or moment == "trained")) or (epochs and len(seconds) == epochs):
            say(
                step=min(seconds or [0.0]), steps=state.batch, start=to_first_step[0], anon=resident()["anon"]
            )
            leave()

    podium(root, listener=listen, overrides=[f"train.epochs={max(1, epochs)}"])


def run_once(root: Path, epochs: int) -> dict[str, Any]:
    """Return what a process says that runs ``root/config.ini``: its fastest epoch, start and memory."""
    peer = Peer(str(root), ["-m", "benchmarks.growth", "--be", str(root), "--epochs", str(epochs)])
    peer.end()
    return peer.ready


def of_images(data: Path, work: Path, sizes: Sequence[int]) -> list[ResultRow]:
    """Return how an epoch, the start and memory grow with the number of images."""
    few = work / "few"
    lay_out(data, few / "data", min(sizes))
    shrink(few / "data", TINY)
    config = {"images.size": f"{TINY[0]}, {TINY[1]}", "images.room": "0", "model.name": "TinyNet"}
    config |= {"augmentation.name": "TrainAugmentation", "train.batch_size": "64", "callback.Probe.": ""}
    epochs, starts, memory = [], [], []

    for images in sizes:
        root = work / str(images)
        lay_out(few / "data", root / "data", images)
        write_config(root, config)
        trained = run_once(root, epochs=2)  # builds the store
        again = run_once(root, epochs=0)
        epochs.append(trained["step"] * (images / 64))
        starts.append(again["start"])
        memory.append(again["anon"])

    return [
        _grown("seconds of an epoch", "images", "s", sizes, epochs, added=("ms", 1e3), target=LINEAR),
        _grown(
            "seconds from imports to the first step", "images", "s", sizes, starts, added=("ms", 1e3),
            target=FLAT,
        ),
        _grown(
            "resident memory beyond the map", "images", "MB", sizes, memory, added=("bytes", 2**20),
            target=Target(64, at_least=False), by_unit=True,
        ),
    ]  # fmt: skip


def of_pixels(data: Path, work: Path, sizes: Sequence[tuple[int, int]], images: int) -> list[ResultRow]:
    """Return how a step grows with the size of the images."""
    lay_out(data, work / "data", images)
    config = {"augmentation.name": "TrainAugmentation", "callback.Probe.": ""} | BACKBONE
    costs = []
    for height, width in sizes:
        write_config(work, config | {"images.size": f"{height}, {width}"})
        costs.append(1000 * run_once(work, epochs=3)["step"])
    pixels = [height * width for height, width in sizes]
    return [_grown("milliseconds of a step", "pixels", "ms", pixels, costs, added=("ns", 1e6), target=LINEAR)]


def of_heads(data: Path, work: Path, counts: Sequence[int], images: int) -> list[ResultRow]:
    """Return how a step grows with the number of heads, of a few labels each."""
    lay_out(data, work / "data", images)
    people = read_table(work / "data" / "split.csv", ("group", "fold")).rows

    costs = []
    for count in counts:
        levels = [f"level{number}" for number in range(count)]
        lines = [
            [file.relative_to(work / "data").as_posix(), person["group"], person["fold"]]
            + [f"{level}_{position % LABELS}" for level in levels]
            for position, person in enumerate(people)
            for file in sorted((work / "data" / "train" / "images" / person["group"]).iterdir())
        ]
        write_table(work / "data" / "levels.csv", ["image", "person", "fold", *levels], lines, guarded=False)
        write_config(work, _of_levels(levels))
        costs.append(1000 * run_once(work, epochs=3)["step"])

    return [_grown("milliseconds of a step", "heads", "ms", counts, costs)]


def _of_levels(levels: Sequence[str]) -> Mapping[str, str]:
    return BACKBONE | {
        "task.name": "HierarchyTask",
        "task.levels": ", ".join(levels),
        "dataset.name": "CsvDataset",
        "dataset.table": "levels.csv",
        "dataset.images": ".",
        "dataset.group_column": "person",
        "dataset.fold_column": "fold",
        "images.size": "128, 96",
        "augmentation.name": "TrainAugmentation",
        "callback.Probe.": "",
    }


def _grown(
    what: str, growing: str, unit: str, sizes: Sequence[float], costs: Sequence[float], **options: Any
) -> Growth:
    return Growth(benchmark="growth", what=what, of=growing, unit=unit, sizes=sizes, costs=costs, **options)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = ("images", "pixels", "heads")
    parser.add_argument("of", nargs="*", help=f"what grows: {', '.join(kinds)} (default: all)")
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES, help="numbers of images")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many sizes, and numbers of heads")
    parser.add_argument("--epoch", type=int, default=512, help="images of an epoch for pixels and heads")
    parser.add_argument("--epochs", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--be", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be_run(arguments.be, arguments.epochs)
        return
    arguments.of = arguments.of or kinds
    if unknown := sorted(set(arguments.of) - set(kinds)):
        parser.error(f"nothing of the name {', '.join(unknown)} grows: choose from {', '.join(kinds)}")

    data, rows = data_folder(), list[ResultRow]()
    print(f"Images: {kind_of(data)}\n")
    with work_folder() as work:
        if "images" in arguments.of:
            rows += of_images(data, work / "images", arguments.images)
        if "pixels" in arguments.of:
            rows += of_pixels(data, work / "pixels", SIZES[: arguments.sizes], arguments.epoch)
        if "heads" in arguments.of:
            rows += of_heads(data, work / "heads", HEADS[: arguments.sizes], arguments.epoch)
    report(rows)


if __name__ == "__main__":
    main()
