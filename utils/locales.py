"""A locale whose letters file names don't fit into: named as the cause of what then goes wrong."""

import locale
import re
import sys

# What Python makes of bytes that are no letters of the locale, as it is and as repr shows it.
_STRANGE = re.compile(r"[^\x00-\x7f]|\\udc[89a-f]|\\u[0-9a-f]{4}|\\x[89a-f]")


def unfit_locale(message: str) -> str:
    """Return what to do about the locale if a problem with names may be its fault, else ""."""
    encoding = sys.getfilesystemencoding()
    if encoding.replace("-", "").lower() == "utf8" or not _STRANGE.search(message):
        return ""
    name = locale.setlocale(locale.LC_CTYPE)
    return (
        f"\nThe letters of file names are taken for {encoding} here (locale: {name}), which most likely is "
        "the cause: set LC_ALL=C.UTF-8, or PYTHONUTF8=1."
    )
