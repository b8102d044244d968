"""The images to predict: whatever is in a folder, for an organiser who gives no list of them."""

from collections import Counter
from pathlib import Path

from dataset.eval_dataset import TEST_DATASETS, EvalDataset
from dataset.files import SUFFIXES, ImageFolder
from dataset.task import Task
from utils.errors import DataError, listed


@TEST_DATASETS.register
class FolderTestDataset(EvalDataset):
    """Every image of a folder, sorted by name; the submission's columns are the task's own.

    Args:
        images: the folder.
        id_column: the first column of the submission.
        with_extension: whether an id is the whole file name, or that without its extension.

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
    ) -> None:
        folder = ImageFolder(root, images)
        paths = list(folder.walk())
        problems = [
            f"{path} is not one of {', '.join(SUFFIXES)}"
            for path in paths
            if path.suffix.lower() not in SUFFIXES
        ]
        names = [path.relative_to(folder.path) for path in paths]
        ids = [(name if with_extension else name.with_suffix("")).as_posix() for name in names]
        problems += [
            f"{count} images have the id {name!r}" for name, count in Counter(ids).items() if count > 1
        ]
        if problems or not paths:
            raise DataError(listed(str(folder.path), problems or ["there is no image in it"]))
        files = [folder.find(name.as_posix()) for name in names]
        super().__init__(root=root, columns=(id_column, *task.in_spelling({}).columns), ids=ids, files=files)
