"""The memory of this process, as Linux counts it."""

import re
import threading
from pathlib import Path

_STATUS, _MAPS = Path("/proc/self/status"), Path("/proc/self/smaps")


def resident() -> dict[str, float]:
    """Return MB in memory: ``anon`` is the process's own, ``file`` are pages of files, shared with others."""
    text = _STATUS.read_text()
    matches = {kind: re.search(rf"^Rss{name}:\s+(\d+) kB", text, re.M) for kind, name in _NAMES.items()}
    return {kind: int(match[1]) / 1024 if match else 0.0 for kind, match in matches.items()}


_NAMES = {"anon": "Anon", "file": "File", "shared": "Shmem"}


def mapped(name: str) -> float:
    """Return MB in memory of the pages of mapped files with that name."""
    total, inside = 0, False
    for line in _MAPS.read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(f"/{name}")
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total / 1024


class Peak:
    """The most MB that the process had at once, without a file's mapped pages, looked at every 20 ms.

    Args:
        without: the file's name; it is looked for when ``look`` is called.
    """

    def __init__(self, without: str) -> None:
        self.without, self.most, self.map = without, {"anon": 0.0, "all": 0.0}, 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def look(self) -> None:
        """See how much of the file is in memory by now."""
        self.map = mapped(self.without)

    def end(self) -> dict[str, float]:
        """Return the most that there was: ``anon``, ``all`` (without the map); and the ``map`` at the end."""
        self._end.set()
        self._thread.join()
        self.look()
        return {**self.most, "map": self.map}

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            before = self.map
            now = resident()
            self.most["anon"] = max(self.most["anon"], now["anon"])
            self.most["all"] = max(self.most["all"], sum(now.values()) - before)
