"""What to say of a file or folder that is not there: where its path goes wrong, and what is nearest there."""

from itertools import pairwise
from pathlib import Path

from utils.errors import DataError, closest


def no_file(path: Path) -> str:
    """Return in a sentence that a file is not there."""
    wrong = _wrong_part(path)
    if wrong.is_symlink():
        return _lost_link(wrong)
    if wrong == path:
        return f"There is no file {path}.{_nearest(path)}"
    return f"There is no file {path}: {_not_a_folder(wrong)}"


def no_folder(path: Path) -> str:
    """Return in a sentence that a folder is not there."""
    wrong = _wrong_part(path)
    if wrong.is_symlink() and not wrong.is_file():
        return _lost_link(wrong)
    if wrong == path or wrong.is_file():
        return _not_a_folder(wrong, "There is no folder")
    return f"There is no folder {path}: {_not_a_folder(wrong)}"


def check_file(path: Path, key: str) -> None:
    """Raise a DataError if the file that a key of the config names is not there."""
    if not path.exists():
        raise DataError(f"{key}: {no_file(path)}")


def check_data_folder(path: Path) -> None:
    """Raise a DataError if the organiser's folder is not there."""
    if not path.is_dir():
        raise DataError(
            f"{no_folder(path)} The organiser's folder is named by data = FOLDER in [paths], "
            "--set paths.data=FOLDER, or PODIUM_DATA=FOLDER in the environment or .env, which go first."
        )


def _not_a_folder(path: Path, beginning: str = "there is no folder") -> str:
    return f"{path} is a file, no folder." if path.is_file() else f"{beginning} {path}.{_nearest(path)}"


def _lost_link(link: Path) -> str:
    return f"{link} is a link to {link.readlink()}, which is not there."


def _wrong_part(path: Path) -> Path:
    """Return the part of a path, from its beginning, that is no folder; the path itself if all others are."""
    for inside, folder in pairwise((path, *path.parents)):
        if folder.is_dir():
            return inside
    return path


def _nearest(path: Path) -> str:
    """Return which name beside a path, or one folder below, is most like it."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
        below = sorted(path.parent.glob(f"*/{path.name}"))
    except (OSError, ValueError):  # which holds nothing that anybody could read
        return ""
    near = closest(path.name, names)
    meant = below[0] if below else None if near is None else path.with_name(near)
    return "" if meant is None else f" Did you mean {meant}?"
