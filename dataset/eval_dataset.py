"""The images to predict: which there are, and the form of the submission."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dataset.named_files import NamedFiles
from utils.registry import Registry
from utils.texts import Texts, comparable, spelling_like


class EvalDataset:
    """The eval images in the submission's order.

    A layout is a subclass in ``dataset/readers`` whose constructor reads the folder and calls this one.

    Args:
        root: the folder that ``files`` are relative to.
        columns: the submission's, the id first.
        ids: (N) in the submission's order.
        files: (N) image files.
        spelt: other texts of the organiser's template, such as labels, of which some may be spelt in
            another way than they are compared.

    Columns and ids are as the organiser wrote them, blanks and all.
    """

    def __init__(
        self,
        *,
        root: Path,
        columns: Sequence[str],
        ids: Sequence[str],
        files: Sequence[str],
        spelt: Sequence[str] = (),
    ) -> None:
        self.root, self.spelt = root, tuple(spelt)
        self.columns, self.ids, self.files = tuple(columns), Texts(ids), NamedFiles(root, files)

    @property
    def names(self) -> list[str]:
        """The ids (N) as they are compared."""
        return list(map(comparable, self.ids))

    def spelling(self, texts: Iterable[str]) -> dict[str, str]:
        """Return how the organiser's template spells ``texts``, as far as that can be told."""
        parts = (part for text in self.spelt for part in (text, *re.split(r"[\s,;|]+", text)))
        return spelling_like(texts, parts)


TEST_DATASETS: Registry[EvalDataset] = Registry("test dataset", "dataset.readers", runtime=("root", "task"))
