"""Processes of ``python run.py`` that need not import anything: forked from one that has imported it all."""

import atexit
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_POLL = 0.005  # seconds
_PR_SET_PDEATHSIG = 1  # of Linux


class Fork:
    """A process of ``python run.py``, with what of ``subprocess.Popen`` tests use."""

    def __init__(self, server: "ForkServer", folder: Path, *arguments: str) -> None:
        self._server, self._folder = server, Path(tempfile.mkdtemp(dir=folder))
        self.pid = int(server.ask("start", str(self._folder), *arguments))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal's; None while it runs."""
        if self.returncode is None:
            answer = self._server.ask("poll", str(self.pid))
            self.returncode = None if answer is None else int(answer)
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for its end; return what it printed and its errors."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("run.py", timeout)
            time.sleep(_POLL)
        out, errors = ((self._folder / name).read_text(encoding="utf-8") for name in ("1", "2"))
        return out, errors

    def send_signal(self, number: int) -> None:
        """Send a signal; its number stays its own until ``poll`` has said that it ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """A process that has imported Podium and becomes ``run.py`` whenever it is asked to, in a child."""

    def __init__(self, hash_seed: int) -> None:
        user = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=user | {"PYTHONHASHSEED": str(hash_seed)},
        )  # fmt: skip

    def ask(self, *words: str) -> Any:
        """Return the answer to a command; the first takes as long as the imports."""
        print(json.dumps(words), file=self._process.stdin, flush=True)
        assert select.select([self._process.stdout], [], [], 120)[0], "the fork server doesn't answer"
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """End it; the processes that it started end by themselves or were killed."""
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


_servers: list[ForkServer] = []
_next = count()


def podium_process(folder: Path, *arguments: str) -> Fork:
    """Return a running ``python run.py`` with these arguments; ``folder`` is for what it prints.

    Each differs from the one before in its hash seed, as two processes of a user do: no run may depend on
    the order of a set.
    """
    if not _servers:
        _servers.extend(map(ForkServer, (1, 2)))
        for server in _servers:
            atexit.register(server.end)
    return Fork(_servers[next(_next) % len(_servers)], folder, *arguments)


def serve() -> None:
    """Fork a process for each ``start``, say for each ``poll`` how one ended."""
    import timm  # noqa: F401  # what run.py imports late
    import torch._dynamo  # noqa: F401

    import run
    from train.callbacks.base import CALLBACKS

    CALLBACKS.names()
    for line in sys.stdin:
        command, *words = json.loads(line)
        if command == "start":
            process = os.fork()
            if process == 0:
                _become(run, *words)
            answer: int | None = process
        else:
            ended, status = os.waitpid(int(words[0]), os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        print(json.dumps(answer), flush=True)


def _become(run: Any, folder: str, *arguments: str) -> None:
    """Be ``python run.py`` with these arguments, its output in the files 1 and 2; never returns."""
    code = 1
    ctypes.CDLL(None).prctl(
        _PR_SET_PDEATHSIG, signal.SIGKILL
    )  # nobody waits for it when the tests are killed
    try:
        for number in (1, 2):
            os.dup2(os.open(Path(folder) / str(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["run.py", *arguments]
        code = run.main(list(arguments))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
