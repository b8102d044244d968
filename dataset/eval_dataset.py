"""The images to predict: which there are, and the form of the submission."""

from collections.abc import Sequence
from pathlib import Path

from dataset.named_files import NamedFiles
from utils.registry import Registry
from utils.texts import Texts


class EvalDataset:
    """The eval images in the submission's order.

    A layout is a subclass in ``dataset/readers`` whose constructor reads the folder and calls this one.

    Args:
        root: the folder that ``files`` are relative to.
        columns: the submission's, the id first.
        ids: (N) in the submission's order.
        files: (N) image files.
    """

    def __init__(
        self, *, root: Path, columns: Sequence[str], ids: Sequence[str], files: Sequence[str]
    ) -> None:
        self.root = root
        self.columns, self.ids, self.files = tuple(columns), Texts(ids), NamedFiles(root, files)


TEST_DATASETS: Registry[EvalDataset] = Registry("test dataset", "dataset.readers", runtime=("root", "task"))
