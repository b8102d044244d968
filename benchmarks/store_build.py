"""Building the store of prepared images, against OpenCV alone on the same files with as many threads.

    PODIUM_DATA=/path/to/data python -m benchmarks.store_build --images 3000

Podium reads its table, decodes, crops, shrinks, writes the map to disk and syncs it; OpenCV decodes and
shrinks into an array in memory and does nothing else. The files lie in the system's cache for both, for which
the first turn is. The target is against OpenCV with the decode that Podium takes for most of these files:
reduced (by libjpeg, to a half or a quarter), or whole.
"""

import argparse
import os
from collections import Counter
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

SIZE, KEPT = (128, 96), (140, 106)  # height, width that a model sees, and of the store with its room
FLAGS = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
PEERS = {"reduced": "OpenCV alone, reduced decode", "whole": "OpenCV alone, whole decode"}


def largest_reduction(height: int, width: int, size: tuple[int, int]) -> int:
    """Return the largest of OpenCV's reductions that leaves an image at least as large as ``size``."""
    return max(by for by in FLAGS if by == 1 or (height // by >= size[0] and width // by >= size[1]))


def shrink_all(paths: list[Path], out: np.ndarray, flag: int) -> None:
    """Decode and shrink all files on all cores, with a thread for each core."""

    def some(rows: range) -> None:
        for row in rows:
            image = cv2.imdecode(np.fromfile(paths[row], np.uint8), flag)
            cv2.resize(image, (out.shape[2], out.shape[1]), dst=out[row], interpolation=cv2.INTER_AREA)

    cv2.setNumThreads(0)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(some, (range(len(paths))[start : start + 16] for start in range(0, len(paths), 16))))


def be(peer: str, work: Path, images: int) -> None:
    """Be one of the peers, in this process."""
    if peer == "podium":
        be_podium(work)
        return
    paths = training_files(work / "data", images)
    height, width = cv2.imread(str(paths[0])).shape[:2]
    by = largest_reduction(height, width, KEPT) if peer == "reduced" else 1
    out = np.zeros((len(paths), *KEPT, 3), np.uint8)
    serve(lambda: timed(lambda: shrink_all(paths, out, FLAGS[by])), reduced_by=by)


def be_podium(work: Path) -> None:
    """Be Podium, which builds its store anew in each turn."""
    from experiment.assemble import Experiment
    from experiment.read_settings import read_sections, settings_from

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
    whole = sum(seen[flag] for flag in seen if flag not in list(FLAGS.values())[1:])
    serve(build, reduced_share=round(1 - whole / sum(seen.values()), 3))


def main() -> None:
    """Time the peers in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=3000, help="of a turn (default 3000)")
    parser.add_argument("--turns", type=int, default=5, help="the first one apart (default 5)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be(arguments.be, arguments.work, arguments.images)
        return

    data = data_folder()
    with work_folder() as work:
        lay_out(data, work / "data", arguments.images)
        size = f"{SIZE[0]}, {SIZE[1]}"
        write_config(work, {"images.size": size, "model.name": "TinyNet"})
        words = ["-m", "benchmarks.store_build", "--images", str(arguments.images), "--work", str(work)]
        turns = take_turns({peer: [*words, "--be", peer] for peer in ("podium", *PEERS)}, arguments.turns)

    reduced_share = turns["podium"].ready["reduced_share"]
    same = "reduced" if reduced_share > 0.5 else "whole"

    report(
        [
            Ratio(
                benchmark="store_build",
                what="building the store",
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
