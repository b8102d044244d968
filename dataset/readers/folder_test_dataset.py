"""The images to predict: whatever is in a folder, for an organiser who gives no list of them."""

import logging
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Literal

from dataset.files.image_folder import ImageFolder, is_image, no_image
from dataset.files.left_behind import left_out_line
from dataset.readers.eval_base import TEST_DATASETS, EvalDataset
from dataset.tasks.base import Task
from utils.errors import DataError, listed

log = logging.getLogger("podium")


@TEST_DATASETS.register
class FolderTestDataset(EvalDataset):
    """Every image of a folder, sorted by name; the submission's columns are the task's own.

    Args:
        images: the folder.
        id_column: the first column of the submission.
        with_extension: whether an id is the whole file name, or that without its extension.
        follow_links: whether links may lead out of the data folder.
        on_bad_file: ``skip`` leaves out each file that is no image and names it in the log.

    Raises:
        DataError: the folder is missing, is empty, or holds files that are no image.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Task,
        images: str = "test",
        id_column: str = "id",
        with_extension: bool = True,
        follow_links: bool = False,
        on_bad_file: Literal["error", "skip"] = "error",
    ) -> None:
        folder = ImageFolder(root, images, follow_links=follow_links, section="test_dataset")

        walk = folder.walk()
        names = [PurePosixPath(file.name) for file in walk.files]
        bad = {name: no_image(folder.path / name) for name in names if not is_image(folder.path / name)}

        strange = [*walk.problems, *bad.values()]
        if on_bad_file == "skip":
            names = [name for name in names if name not in bad]
            for problem in strange:
                log.warning("Left out: %s", problem)

        ids = [(name if with_extension else name.with_suffix("")).as_posix() for name in names]
        problems = [] if on_bad_file == "skip" else strange
        hint = "\nMove them away, or set on_bad_file = skip in [test_dataset]." if problems else ""
        problems += [
            f"{count} images have the id {name!r}" for name, count in Counter(ids).items() if count > 1
        ]

        if walk.left_out:
            log.info(left_out_line(walk.left_out, folder.path))
        if problems or not names:
            raise DataError(listed(str(folder.path), problems or ["there is no image in it"]) + hint)

        files = [folder.find(name.as_posix()) for name in names]
        spelt = task.in_spelling({})
        columns = (id_column, *spelt.form.columns(spelt))
        super().__init__(root=root, columns=columns, ids=ids, files=files)
