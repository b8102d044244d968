"""What systems and programs leave in folders of images unasked."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_NAMES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"),
        *("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
        *("picasa.ini", "zbthumbnail.info", "pspbrwse.jbf", "__pycache__"),
    }
)
_ENDING = re.compile(r"(:encryptable|:zone\.identifier|\.\w+~)$")
_MOST_NAMED = 5


def is_left_behind(name: str) -> bool:
    """Return whether a file or folder of that name, without what is above it, is such a thing."""
    folded = name.casefold()
    return name.startswith((".", "~$")) or folded in _NAMES or bool(_ENDING.search(folded))


def left_out_line(names: Sequence[str], folder: object) -> str:
    """Return a line for the log on such files in a folder."""
    kinds = list(dict.fromkeys(PurePosixPath(name).name for name in names))
    shown = ", ".join(kinds[:_MOST_NAMED]) + (", ..." if len(kinds) > _MOST_NAMED else "")
    what = "1 file or folder" if len(names) == 1 else f"{len(names)} files or folders"
    return f"{folder}: {what} that a system or a program left behind ({shown}): left out."
