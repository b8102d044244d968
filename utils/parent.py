"""A process that ends with the one that started it."""

import ctypes
import os
import signal
import sys

from utils.errors import ResumableStop

_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


def end_with(parent: int) -> None:
    """Let this process get SIGTERM when the one that started it is gone, however that ended.

    Raises:
        ResumableStop: it is gone already.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise ResumableStop("The process that started this one is gone.")
