"""Texts of unknown origin as a terminal or a log may show them."""

import re

# What moves the cursor, colours, rings, hides or turns the direction of writing: control characters but for
# tabs and line feeds, marks of direction, separators of lines, characters without width, and halves of
# characters, which no UTF-8 can hold.
_OBEYED = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060"
    "\u2066-\u2069\ufeff\ud800-\udfff"
)
_UNSEEN = re.compile(f"[{_OBEYED}]")
_UNSEEN_IN_NAMES = re.compile(f"[\t\n{_OBEYED}]")

_ENDLESS = re.compile(r"(\S{60})\S{1000,}(\S{20})")


def printable(text: str) -> str:
    """Return a text with what a terminal would obey instead of show written as ``\\x1b`` or ``\\u202e``."""
    return _UNSEEN.sub(_escaped, text)


def legible(text: str) -> str:
    """Return a message with its words of over 1,000 characters, such as a cell of a table, shortened."""
    return _ENDLESS.sub(lambda word: f"{word[1]}...({len(word[0])} characters)...{word[2]}", text)


def unseen(text: str) -> str | None:
    """Return the first character of a text that would be obeyed or break its line, as it is shown, if any."""
    match = _UNSEEN_IN_NAMES.search(text)
    return None if match is None else repr(match[0])


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
