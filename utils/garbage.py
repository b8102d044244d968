"""Python's search for garbage, put off while a program imports: what modules make stays."""

import gc
import sys
from importlib import import_module


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


def import_large(module: str) -> None:
    """Import a module that makes very many objects later than the others, without looking through them."""
    if module in sys.modules:
        return
    looks = gc.isenabled()
    put_off()
    try:
        import_module(module)
    finally:
        if looks:
            look_again()
