"""What this process may have of its machine: in a container, or a job of a cluster, less than there is.

Linux limits the groups that a process is in, one inside the other, and shows it as files: "cgroups" of
version 2, or 1. Imports nothing heavy.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

_GROUPS, _ROOT, _MEMORY = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"), Path("/proc/meminfo")


@cache
def core_limit() -> float:
    """Return for how many cores there is time, such as 2.5; infinity where nobody limits it."""
    return min(_core_limits(), default=math.inf)


def available_memory() -> int:
    """Return how many bytes of memory this process could have now.

    What was read from files and can be read again counts as free, as the system gives it away when asked.
    """
    return min([_left_on_machine(), *_left_in_groups()])


def _core_limits() -> Iterator[float]:
    for folder in _folders("cpu"):
        with suppress(OSError, ValueError):  # no such file; "max", which is no number
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            yield from _share(int(quota), int(period))
        with suppress(OSError, ValueError):
            yield from _share(_number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us"))


def _share(quota: int, period: int) -> Iterator[float]:
    """Yield how many cores that time is; nothing where there is no limit, as -1 of version 1 says."""
    if quota > 0 and period > 0:
        yield quota / period


def _left_on_machine() -> int:
    try:
        return _named_numbers(_MEMORY)["MemAvailable:"] * 1024
    except (OSError, KeyError, ValueError):  # not Linux, or not as Linux writes it: half of what is built in
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _left_in_groups() -> Iterator[int]:
    names = ("memory.max", "memory.current", ""), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    for folder in _folders("memory"):
        for most, now, start in names:
            with suppress(OSError, ValueError):
                left = _number(folder / most) - _number(folder / now)
                yield max(0, left + _of_files(folder, start))


def _of_files(folder: Path, start: str) -> int:
    """Return how many bytes of a group's memory are copies of what lies in files."""
    with suppress(OSError, ValueError):
        parts = _named_numbers(folder / "memory.stat")
        return sum(parts.get(f"{start}{which}_file", 0) for which in ("inactive", "active"))
    return 0


def _folders(controller: str) -> Iterator[Path]:
    """Yield where the limits of the groups stand that this process is in, the innermost first.

    In a container the names of outer groups may be there, and their folders not.
    """
    with suppress(OSError, ValueError):
        for line in _GROUPS.read_text(encoding="utf-8").splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = _ROOT / controller if controllers else _ROOT
            group = top / name.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _named_numbers(file: Path) -> dict[str, int]:
    """Return what stands behind the first word of each line."""
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}
