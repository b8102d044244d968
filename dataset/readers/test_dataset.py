"""The images to predict: a CSV with a row for each, which is also the submission's template."""

from collections import Counter
from pathlib import Path

from utils.errors import DataError, listed
from utils.registry import Registry
from utils.tables import read_table


class TestDataset:
    """The eval images in the organiser's order; ``columns`` are the submission's, the id first.

    Args:
        root: the data folder.
        table: the organiser's CSV; the first column names the image files.
        images: the folder that they are in.

    Raises:
        DataError: lists every image that is missing, listed twice or outside of the folder.
    """

    __test__ = False  # not a pytest class

    def __init__(self, *, root: Path, table: str = "eval/info.csv", images: str = "eval/images") -> None:
        found = read_table(root / table, ())
        self.root = root
        self.columns = found.columns
        self.ids = tuple(row[found.columns[0]] for row in found.rows)
        self.files = tuple(f"{images}/{identity}" for identity in self.ids)
        folder, times = (root / images).resolve(), Counter(self.ids)
        problems = [f"{name} is listed {count} times" for name, count in times.items() if count > 1]
        for row, file in zip(found.rows, self.files, strict=True):
            path = (root / file).resolve()
            if not path.is_relative_to(folder) or path == folder:
                problems.append(f"{row.place}: {row[self.columns[0]]!r} is not a file inside {folder}")
            elif not _is_file(path):
                problems.append(f"{row.place}: there is no image {path}")
        if problems:
            raise DataError(listed(str(root / table), problems))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes
        return False


TEST_DATASETS: Registry[TestDataset] = Registry("test dataset", "dataset.readers", runtime=("root", "task"))
TEST_DATASETS.register(TestDataset)
