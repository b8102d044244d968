"""What a class's docstring says, for the terminal: without the indentation and the marks of the source."""

import inspect


def told(cls: type) -> str:
    """Return the docstring of a class as it is printed for the user."""
    return inspect.cleandoc(cls.__doc__ or "").replace("``", "")


def told_in_a_line(cls: type) -> str:
    """Return the first line of it."""
    return told(cls).partition("\n")[0]
