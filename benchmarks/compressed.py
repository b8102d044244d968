"""Reading the compressed store, against decoding the original photographs of 2000 x 1500 in every epoch.

    PODIUM_DATA=/path/to/data python -m benchmarks.compressed

It is what a data set comes to whose plain pixels don't fit onto the disk. Both sides are Podium's, give
batches of 246 x 246 (224 with room for moves) and use all cores. The originals are photographs of the data
folder that are enlarged and given a camera's noise; they lie in the system's cache, so their decoding is all
they cost.
"""

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.data import data_folder, kind_of, work_folder
from benchmarks.rows import Figure, Ratio, Target, report
from benchmarks.turns import serve, take_turns, timed
from dataset.images.compressed import CompressedStore
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from dataset.images.store import ImageSource

SIDES = (1500, 2000)  # height, width of the originals in pixels
PREPARED = (246, 246)
NOISE = 3.0  # standard deviation in grey levels
BATCH = 64
MORE = 16  # times as many images are read from the store in a turn, so that both turns take about as long


def make_originals(data: Path, folder: Path, images: int) -> None:
    """Write photographs of the originals' size as JPEG of quality 90."""
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    rng = np.random.default_rng(0)
    noise = rng.normal(0, NOISE, (*SIDES, 3)).astype(np.float32)
    folder.mkdir()
    for number in range(images):
        photo = cv2.imread(str(paths[number * len(paths) // images]))
        large = cv2.resize(photo, SIDES[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float32)
        large += np.roll(noise, 7 * number, axis=(0, 1))
        written = np.clip(large, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), written, [cv2.IMWRITE_JPEG_QUALITY, 90])


def opened(work: Path, peer: str) -> ImageSource:
    """Return the images: from the store, which is built first if it has to be, or from the originals."""
    files = sorted(path.name for path in (work / "photos").iterdir())
    budget = 1.0 if peer == "compressed" else 0.0
    kind = "compressed" if peer == "compressed" else "plain"
    prepare, cache = Prepare(PREPARED), work / f"cache-{peer}"
    return open_images(work / "photos", files, prepare, cache, budget=budget, what="benchmark", kind=kind)


def read_some(source: ImageSource, images: int) -> None:
    """Read so many images in batches, in an order that is not the file's."""
    order = np.resize(np.random.default_rng(1).permutation(len(source)), images)
    for start in range(0, images, BATCH):
        source.batch(order[start : start + BATCH])


def be(peer: str, work: Path) -> None:
    """Be one of the peers, in this process."""
    source = opened(work, peer)
    images = len(source) * (MORE if peer == "compressed" else 1)
    facts = {"images": images}
    if isinstance(source, CompressedStore):
        facts |= {"bytes_per_image": source.size / len(source), "decibels": list(source.decibels)}
    serve(lambda: timed(partial(read_some, source, images)), **facts)


def main() -> None:
    """Time both in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=64, help="originals (default 64)")
    parser.add_argument("--turns", type=int, default=6, help="the first one apart (default 6)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be:
        be(arguments.be, arguments.work)
        return

    data = data_folder()
    with work_folder() as work:
        make_originals(data, work / "photos", arguments.images)
        words = ["-m", "benchmarks.compressed", "--work", str(work)]
        peers = {peer: [*words, "--be", peer] for peer in ("compressed", "originals")}
        turns = take_turns(peers, arguments.turns)

    store, originals = turns["compressed"], turns["originals"]
    facts = {"data": kind_of(data), "prepared": list(PREPARED), "decibels": store.ready["decibels"]}
    report(
        [
            Ratio(
                benchmark="compressed",
                what="reading the compressed store",
                against=f"decoding originals of {SIDES[1]} x {SIDES[0]}",
                unit="img/s",
                podium=[store.ready["images"] / seconds for seconds in store.warm],
                peer=[originals.ready["images"] / seconds for seconds in originals.warm],
                target=Target(8),
                facts=facts,
            ),
            Figure(
                benchmark="compressed",
                what="an image of 246 x 246 in the compressed store",
                unit="kB",
                values=[store.ready["bytes_per_image"] / 1000],
                facts=facts,
            ),
        ]
    )


if __name__ == "__main__":
    main()
