"""Whether an error says that something was larger than the memory, which only torch's texts tell."""

import re

_TEXTS = re.compile(
    r"can't allocate memory|out of memory|Storage size calculation overflowed|not enough memory"
    r"|multiplication overflow|invalid size|negative dimension|Overflow when unpacking long",
    re.IGNORECASE,
)


def is_too_large(error: BaseException) -> bool:
    """Return whether an error says so."""
    if isinstance(error, MemoryError | OverflowError):
        return True
    return isinstance(error, RuntimeError) and _TEXTS.search(str(error)) is not None
