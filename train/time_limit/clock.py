"""The time since this process began, imports included."""

import os
import time
from pathlib import Path

_IMPORTED = time.monotonic()


def since_start() -> float:
    """Return the seconds since this process was started; where the system does not say, since the import."""
    try:
        text = Path("/proc/self/stat").read_text(encoding="utf-8")
        ticks = int(text.rpartition(")")[2].split()[19])  # field 22, in ticks since the machine booted
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - _IMPORTED
