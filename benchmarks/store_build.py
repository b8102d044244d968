"""Building the store of prepared images, against OpenCV alone on the same files with as many threads.

    PODIUM_DATA=/path/to/data python -m benchmarks.store_build --images 3000

Podium reads its table, decodes, crops, shrinks, writes the map to disk and syncs it; OpenCV decodes and
shrinks into an array in memory and does nothing else. The files lie in the system's cache for both, for which
the first turn is. The target is against OpenCV with the decode that Podium takes for most of these files: at
half their size (by libjpeg), or whole. Which one that is depends on how much room the store keeps around what
a model sees: files of 512x384 pixels are decoded at half size with ``--room 0``.
"""

import argparse
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.data import (
    data_folder,
    kind_of,
    lay_out,
    own_paths,
    training_files,
    work_folder,
    write_config,
)
from benchmarks.rows import Ratio, Target, report
from benchmarks.turns import serve, take_turns, timed

SIZE = (128, 96)  # height, width that a model sees
FLAGS = {1: cv2.IMREAD_COLOR_RGB, 2: cv2.IMREAD_REDUCED_COLOR_2}
_REDUCED = cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_REDUCED_GRAYSCALE_8
PEERS = {"half": "OpenCV alone, decode at half size", "whole": "OpenCV alone, whole decode"}


def shrink_all(paths: list[Path], out: np.ndarray, flag: int) -> None:
    """Decode and shrink all files on all cores, with a thread for each core."""

    def some(rows: range) -> None:
        for row in rows:
            image = cv2.imdecode(np.fromfile(paths[row], np.uint8), flag)
            cv2.resize(image, (out.shape[2], out.shape[1]), dst=out[row], interpolation=cv2.INTER_AREA)

    cv2.setNumThreads(0)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(some, (range(len(paths))[start : start + 16] for start in range(0, len(paths), 16))))


def kept(room: float) -> tuple[int, int]:
    """Return height and width of a store's images, as ``Experiment.of`` makes them."""
    height, width = (side + 2 * round(side * room / 2) for side in SIZE)
    return height, width


def be(peer: str, work: Path, images: int, size: tuple[int, int]) -> None:
    """Be one of the peers, in this process.

    Args:
        size: height and width of the store's images.
    """
    if peer == "podium":
        be_podium(work)
        return
    paths = training_files(work / "data", images)
    by = 2 if peer == "half" else 1
    out = np.zeros((len(paths), *size, 3), np.uint8)
    serve(lambda: timed(lambda: shrink_all(paths, out, FLAGS[by])), reduced_by=by)


def be_podium(work: Path) -> None:
    """Be Podium, which builds its store anew in each turn."""
    from experiment.assemble import Experiment
    from experiment.read_settings import read_sections, settings_from
    from utils.device import keep_freed_memory

    keep_freed_memory()  # as run.py does
    turns = 0
    seen: Counter[int] = Counter()  # of each of OpenCV's ways to decode

    def counted(data: Any, flag: int) -> Any:
        seen[flag] += 1
        return decode(data, flag)

    def build() -> float:
        nonlocal turns
        turns += 1
        paths = [*own_paths(work), f"paths.cache={work}/cache-{turns}"]
        sections = read_sections(work / "config.ini", paths)
        experiment = Experiment.of(settings_from(sections, "config.ini"))
        return timed(experiment.training_data)

    decode, cv2.imdecode = cv2.imdecode, counted
    build()
    cv2.imdecode = decode
    serve(build, reduced_share=round(share_reduced(seen), 3))


def share_reduced(seen: Mapping[int, int]) -> float:
    """Return the share of decodes at a reduced size, from how many there were with each of OpenCV's flags."""
    return sum(count for flag, count in seen.items() if flag & _REDUCED) / sum(seen.values())


def main() -> None:
    """Time the peers in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=3000, help="of a turn (default 3000)")
    parser.add_argument("--turns", type=int, default=5, help="the first one apart (default 5)")
    parser.add_argument("--room", type=float, default=0.1, help="[images] room of the store (default 0.1)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be(arguments.be, arguments.work, arguments.images, kept(arguments.room))
        return

    data = data_folder()
    with work_folder() as work:
        lay_out(data, work / "data", arguments.images)
        size = f"{SIZE[0]}, {SIZE[1]}"
        room = str(arguments.room)
        write_config(work, {"images.size": size, "images.room": room, "model.name": "TinyNet"})
        words = ["-m", "benchmarks.store_build", "--images", str(arguments.images), "--room", room]
        words += ["--work", str(work)]
        turns = take_turns({peer: [*words, "--be", peer] for peer in ("podium", *PEERS)}, arguments.turns)

    reduced_share = turns["podium"].ready["reduced_share"]
    same = "half" if reduced_share > 0.5 else "whole"

    report(
        [
            Ratio(
                benchmark="store_build",
                what="building the store, {}x{} pixels".format(*kept(arguments.room)),
                against=PEERS[peer],
                unit="img/s",
                podium=[arguments.images / seconds for seconds in turns["podium"].warm],
                peer=[arguments.images / seconds for seconds in turns[peer].warm],
                target=Target(0.9) if peer == same else None,
                facts={
                    "images": arguments.images,
                    "data": kind_of(data),
                    **turns[peer].ready,
                    "reduced_share": reduced_share,
                },
            )
            for peer in PEERS
        ]
    )


if __name__ == "__main__":
    main()
