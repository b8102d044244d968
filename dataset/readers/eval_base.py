"""The images to predict: which there are, and the form of the submission."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from dataset.files.named_files import NamedFiles
from dataset.readers.cases import EvalCases
from dataset.readers.features import FeatureTable
from dataset.submissions.base import Line
from utils.registry import Registry
from utils.texts import Texts, comparable, spelling_like


class EvalDataset:
    """The eval images in the submission's order.

    A layout is a subclass in ``dataset/readers`` whose constructor reads the folder and calls this one.

    Args:
        root: the folder that ``files`` are relative to.
        columns: the submission's, the id first, as they are written there.
        ids: (N) in the submission's order, as they are written there.
        files: (N) image files.
        template: (N) of each column after the id, by name as it is compared, what the organiser's template
            says, as it is written there; nothing where there is no template: all columns are the task's.
        image_column: the column that names the images, if that is not the id: it holds no answer.
        lines: the template's rows, where it has several for each image.
        cases: which images are of one case; then ``ids`` and ``template`` are of the rows that it answers,
            which may be as many as cases, or as images. None: each image is answered by itself.
        meant: columns that say something of an image: they hold no answer either.
        features: what a model sees of each image (M) beside its pixels.

    Attributes:
        has_columns: whether this layout has a table that says more of each image.
        columns: as they are compared.
        header: the same as they are written.
        spelt: the second by the first.
    """

    has_columns: ClassVar[bool] = False

    def __init__(
        self,
        *,
        root: Path,
        columns: Sequence[str],
        ids: Sequence[str],
        files: Sequence[str],
        template: Mapping[str, Sequence[str]] | None = None,
        image_column: str | None = None,
        lines: Sequence[Line] = (),
        cases: EvalCases | None = None,
        meant: Sequence[str] = (),
        features: FeatureTable | None = None,
    ) -> None:
        self.root = root
        self.header, self.columns = tuple(columns), tuple(map(comparable, columns))
        self.spelt = dict(zip(self.columns, self.header, strict=True))
        self.ids, self.files = Texts(ids), NamedFiles(root, files)
        self.template = {name: Texts(values) for name, values in (template or {}).items()}
        self.image_column, self.lines, self.cases = image_column, lines, cases
        self.meant, self.features = tuple(map(comparable, meant)), features

    def unread(self, bad: Mapping[int, str]) -> dict[int, str]:
        """Return by row of ``ids`` why it has no image that can be read, from why images can't be."""
        return dict(bad) if self.cases is None else self.cases.unread(bad)

    def kept(self, answers: Sequence[str]) -> tuple[str, ...]:
        """Return the template's columns that are none of the answers': they stay as they are."""
        return tuple(name for name in self.template if name not in answers)

    def answer_column(self, answers: Sequence[str]) -> str | None:
        """Return the only column of the template that one answer can go into, if it is not named so."""
        columns = [name for name in self.template if name not in (self.image_column, *self.meant)]
        return columns[0] if len(answers) == len(columns) == 1 and columns != list(answers) else None

    @property
    def names(self) -> list[str]:
        """The ids (N) as they are compared."""
        return list(map(comparable, self.ids))

    def spelling(self, texts: Iterable[str]) -> dict[str, str]:
        """Return how the organiser's template spells ``texts``, as far as that can be told."""
        cells = {cell for column in self.template.values() for cell in column.different()}
        cells |= set(self.header if self.template else ())
        return spelling_like(texts, (p for cell in cells for p in (cell, *re.split(r"[\s,;|]+", cell))))


TEST_DATASETS: Registry[EvalDataset] = Registry(
    "test dataset", "dataset.readers", runtime=("root", "task", "columns")
)
