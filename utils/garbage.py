"""Python's search for garbage, put off while a program imports: what modules make stays."""

import gc


def put_off() -> None:
    """Look for no garbage until ``look_again``.

    PyTorch and timm make so many objects that to look through them, again and again while there come more, is
    a fifth of the time that importing them takes.
    """
    gc.disable()


def look_again() -> None:
    """Look for garbage from now on, but not among what is there, if that had been put off."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
