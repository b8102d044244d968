"""Files that Git LFS has not fetched: a few lines of text in the place of an image."""

from pathlib import Path

from dataset.files.named_files import NamedFiles
from utils.errors import DataError

_BEGINNING = b"version https://git-lfs"
_LARGEST = 1024  # bytes
_NEARLY_ALL = 0.9


def refuse_pointers(files: NamedFiles) -> None:
    """Raise a DataError where nearly all images are pointers: one cause instead of a line for each.

    Only files as small as pointers are opened, and none if most are larger.
    """
    small = [row for row, size in enumerate(files.sizes) if 0 < size <= _LARGEST]
    if not small or len(small) < _NEARLY_ALL * len(files):
        return
    pointers = [row for row in small if _is_pointer(files.path(row))]
    if len(pointers) >= _NEARLY_ALL * len(files):
        raise DataError(
            f"{len(pointers)} of {len(files)} images, such as {files.path(pointers[0])}, are pointers of Git "
            "LFS, not the images themselves: run 'git lfs pull' there."
        )


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False
