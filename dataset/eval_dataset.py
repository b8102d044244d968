"""The images to predict: which there are, and the form of the submission."""

from collections.abc import Mapping, Sequence
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
        template: (N) of each column after the id what the organiser's template says, as it is written
            there; nothing where there is no template, so that all columns are the task's.
        image_column: the column that names the images, if that is not the id: it holds no answer.
    """

    def __init__(
        self,
        *,
        root: Path,
        columns: Sequence[str],
        ids: Sequence[str],
        files: Sequence[str],
        template: Mapping[str, Sequence[str]] | None = None,
        image_column: str | None = None,
    ) -> None:
        self.root = root
        self.columns, self.ids, self.files = tuple(columns), Texts(ids), NamedFiles(root, files)
        self.template = {name: Texts(values) for name, values in (template or {}).items()}
        self.image_column = image_column

    def kept(self, answers: Sequence[str]) -> tuple[str, ...]:
        """Return the template's columns that are none of the answers': they stay as they are."""
        return tuple(name for name in self.template if name not in answers)

    def answer_column(self, answers: Sequence[str]) -> str | None:
        """Return the only column of the template that one answer can go into, if it is not named so."""
        columns = [name for name in self.template if name != self.image_column]
        return columns[0] if len(answers) == len(columns) == 1 and columns != list(answers) else None


TEST_DATASETS: Registry[EvalDataset] = Registry("test dataset", "dataset.readers", runtime=("root", "task"))
