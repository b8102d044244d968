"""Which eval images can be predicted: all of them, or those that can be read where the config allows it."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dataset.images.file_report import missed_line, remark_lines
from dataset.images.prepare import Prepare
from dataset.images.store import ImageSource, raise_bad
from dataset.readers.eval_base import EvalDataset
from utils.shortened import MOST

log = logging.getLogger("podium")
EVAL = "eval"  # what the organiser's are called in messages
_INSTEAD = (
    "\nMend them, or answer them by how the training labels are spread: [infer] on_bad_image = prior "
    "(or --set infer.on_bad_image=prior)"
)


def say_unread_of_cases(source: ImageSource, images: EvalDataset) -> None:
    """Say how many images can't be read whose cases have others, which answer for them."""
    if images.cases is None:
        return
    unread = images.unread(source.bad)
    lost = np.isin(images.cases.numbers, images.cases.answered[np.array(list(unread), np.int64)])
    if others := [why for image, why in source.bad.items() if not lost[image]]:
        log.warning(
            "%d image(s) can't be read: the others of their cases answer for them.\n  - %s",
            len(others), "\n  - ".join(others[:MOST]),
        )  # fmt: skip


def readable_rows(
    source: ImageSource, files: Sequence[str], prepare: Prepare, what: str, *, prior: bool
) -> NDArray[np.int64]:
    """Return the rows of the images that can be read, and say what is peculiar about these.

    Args:
        what: they are, for messages.
        prior: whether the others may be left out: they are answered with the priors.

    Raises:
        DataError: one can't be read and that is not allowed, or not one can be read.
    """
    if not prior:
        raise_bad(source, _INSTEAD if what == EVAL else "")
    elif len(source.bad) == len(source):
        raise_bad(source, "\nNot one eval image can be read.")

    for line in remark_lines(source, files, prepare.depth, what):
        log.warning(line)
    if line := missed_line(source, prepare.cropper, what):
        log.warning(line)
    return np.setdiff1d(np.arange(len(files)), sorted(source.bad))
