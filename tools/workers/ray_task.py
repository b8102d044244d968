"""What a task of a Ray cluster does: one member of a run, on a machine that need not see the run's folder.

It is sent there as it stands here, so it imports nothing of ours. The files of the member travel to the node
with the program, and back whenever a checkpoint is complete.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Files = dict[str, bytes | None]  # by path in the run's folder; None: the file is gone
_LOOK = 0.5  # seconds between two looks for files that have changed
_FIRST = "checkpoints"  # read before the rest, so that no checkpoint knows more than what is beside it
_TRIES = 5


class Sent:
    """What a folder holds, as far as it was sent already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, tuple[int, int]] = {}

    def news(self) -> Files:
        """Return the files that have changed since the last time: a state that was there as a whole."""
        for _ in range(_TRIES):
            before = self._listing()
            changed = [name for name, stamp in before.items() if self.known.get(name) != stamp]
            changed.sort(key=lambda name: (_FIRST not in Path(name).parts, name))
            try:
                news: Files = {name: (self.folder / name).read_bytes() for name in changed}
            except FileNotFoundError:
                continue

            now = self._listing()
            if any(now.get(name) != stamp for name, stamp in before.items() if _FIRST in Path(name).parts):
                continue

            news |= dict.fromkeys(self.known.keys() - before.keys())
            self.known = before
            return news
        return {}

    def _listing(self) -> dict[str, tuple[int, int]]:
        listing = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if path.is_file() and (not hidden or path.name == ".taken.json"):
                facts = path.stat()
                listing[name] = (facts.st_size, facts.st_mtime_ns)
        return listing


def put(folder: Path, files: Files) -> None:
    """Put files into a folder."""
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def train(
    member: str,
    files: Files,
    program: bytes,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    paths: Mapping[str, str],
) -> Iterator[Files | tuple[int, str]]:
    """Yield the files of a member as they come, and at last the worker's exit code and what it printed.

    Args:
        files: of the whole run and of the member, by path in the run's folder.
        program: a tar of its source.
        arguments: of the command line, but for ``--run``.
        variables: of the environment of the worker.
        paths: variables that say where things are, unless the node says it.
    """
    with tempfile.TemporaryDirectory(prefix="podium-") as scratch:
        code, run = Path(scratch, "program"), Path(scratch, "runs", "run", "001")
        with tarfile.open(fileobj=io.BytesIO(program)) as archive:
            archive.extractall(code, filter="data")
        put(run, files)
        sent = Sent(run / member)
        sent.news()  # what is known where it came from

        command = [sys.executable, str(code / "run.py"), *arguments]
        command += ["--config", str(run / "config.ini"), "--run", str(run)]
        command += ["--foreman", str(os.getpid())]
        with open(Path(scratch, "output"), "w+b") as output:
            process = subprocess.Popen(
                command,
                cwd=code,
                env={**paths, **os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while process.poll() is None:
                    time.sleep(_LOOK)
                    if news := sent.news():
                        yield news
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait()

            if news := sent.news():
                yield news
            output.seek(0)
            yield process.returncode, output.read().decode("utf-8", "replace")
