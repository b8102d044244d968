"""What the log says of how image files were read, and of what the cropper found in them."""

import re
from collections.abc import Sequence

import numpy as np

from dataset.croppers.base import Cropper
from dataset.images.decode import bits_remark
from dataset.images.depth import Depth
from dataset.images.store import ImageSource
from dataset.tasks.base import Targets
from dataset.tasks.spaces import Space

_BITS = re.compile(bits_remark(0).replace("0", r"(\d+)", 1))
_FEW_BITS = 14  # values of 16-bit files that take no more are most likely a camera's of 10, 12 or 14
_APART = 0.1  # found rates of labels that differ by more say something about the label
_MOST_LABELS = 10  # of a space that are shown, from either end


def remark_lines(source: ImageSource, files: Sequence[str], depth: Depth, what: str) -> list[str]:
    """Return a line on each peculiar way in which files had to be read; what is named there is not lost.

    Args:
        files: the names of the first images of the source.
        depth: ``[images] depth`` as it is.
        what: which images these are.
    """
    lines, used = [], []
    for remark, rows in sorted(source.remarks.items()):
        if (bits := _BITS.fullmatch(remark)) is not None:
            used += [int(bits[1])] * len(rows)
        elif rows:
            example = f" (such as {files[rows[0]]})" if rows[0] < len(files) else ""
            lines.append(f"{len(rows):,} of {len(source):,} {what} images{example} {remark}.")
    if used and depth == 16 and max(used) <= _FEW_BITS:
        lines.append(_depth_line(len(used), len(source), max(used), what))
    return lines


def _depth_line(count: int, all_images: int, bits: int, what: str) -> str:
    shades = 2 ** max(0, bits - 8)
    return (
        f"{count:,} of {all_images:,} {what} images have values of 16 bits, but the brightest takes only "
        f"{bits}: they become {shades} of 256 shades. If all images of this competition have values of "
        f"{max(bits, 8)} bits write [images] depth = {max(bits, 8)}; depth = stretch brings each image's own "
        "darkest and brightest value to black and white."
    )


def missed_line(source: ImageSource, cropper: Cropper, what: str) -> str:
    """Return a line for the log on the images in which the cropper found nothing; "" if there are none."""
    if not source.missed:
        return ""
    count = f"{len(source.missed):,} of {len(source):,} {what} images"
    return f"No {cropper.seeks} found in {count}: {cropper.instead}."


def crop_lines(
    source: ImageSource, cropper: Cropper, what: str, spaces: Sequence[Space], targets: Targets
) -> list[str]:
    """Return lines on what the cropper found in labelled images: in how many, and by label.

    A crop that is made in another way for some labels than for others gives them away, and the images to
    be predicted may have other rates.

    Args:
        targets: of the first images of the source, (N, K) by space.
    """
    if not cropper.looks:
        return []
    if not source.missed:
        return [f"A {cropper.seeks} was found in all {len(source):,} {what} images."]

    lines, apart = [missed_line(source, cropper, what)], []
    count = len(next(iter(targets.values())))
    was_found, readable = np.ones(count, np.bool_), np.ones(count, np.bool_)
    was_found[[row for row in source.missed if row < count]] = False
    readable[[row for row in source.bad if row < count]] = False

    for space in spaces:
        if space.numeric:
            continue
        rates = _rates(space, np.asarray(targets[space.name].numpy())[readable] >= 0.5, was_found[readable])
        if not rates:
            continue
        shown = [f"{label} {hits:,}/{count:,} ({hits / count:.0%})" for label, hits, count in rates]
        if len(shown) > 2 * _MOST_LABELS:
            shown[_MOST_LABELS:-_MOST_LABELS] = ["..."]
        lines.append(f"Found by {space.name}: {', '.join(shown)}")
        if rates[-1][1] / rates[-1][2] - rates[0][1] / rates[0][2] > _APART:
            apart.append(space.name)

    if apart:
        lines.append(
            f"Whether a {cropper.seeks} is found goes with {', '.join(apart)}: the crop itself tells the "
            "model something of the label. Take a detector or score that finds all alike, or another cropper."
        )
    return lines


def _rates(space: Space, has: np.ndarray, was_found: np.ndarray) -> list[tuple[str, int, int]]:
    """Return label, images in which it was found and images, of labels that have some; lowest rate first."""
    rates = [
        (label, int((has[:, index] & was_found).sum()), int(has[:, index].sum()))
        for index, label in enumerate(space.labels)
    ]
    return sorted((rate for rate in rates if rate[2]), key=lambda rate: rate[1] / rate[2])
