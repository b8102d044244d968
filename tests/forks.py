"""Processes of ``python`` that need not import anything: forked from one that has imported it all."""

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from tqdm import tqdm

from utils.registry import Registry
from utils.shared_cores import set_up_threads

ROOT = Path(__file__).parent.parent
_POLL = 0.005  # seconds
_PR_SET_PDEATHSIG = 1  # of Linux
_FORGET = "PODIUM_TESTS_FORGET"  # in the environment of a fork: nothing of this repository is imported in it


class Fork:
    """A process of ``python``, with what of ``subprocess.Popen`` tests use.

    Args:
        folder: for what it prints.
        variables: of its environment, beside those of the tests.
        there: the folder that it works in.
        words: what follows ``python`` on its command line.
    """

    def __init__(
        self,
        server: "ForkServer",
        folder: Path,
        variables: Mapping[str, str],
        there: Path,
        words: Sequence[str],
    ) -> None:
        self._server, self._folder = server, Path(tempfile.mkdtemp(dir=folder))
        self.args, self.returncode = ["python", *words], None
        self.pid = int(server.ask("start", str(self._folder), dict(variables), str(there), list(words)))

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal's; None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.ask("poll", self.pid)
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for its end; return what it printed and its errors."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(_POLL)
        return self.printed(), (self._folder / "2").read_text(encoding="utf-8")

    def printed(self) -> str:
        """Return what it has printed until now, errors apart."""
        path = self._folder / "1"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def send_signal(self, number: int) -> None:
        """Send a signal; its number stays its own until ``poll`` has said that it ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def __enter__(self) -> "Fork":
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            self.kill()
            self.communicate()  # until it is gone

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """A process that has imported Podium and becomes another one whenever it is asked to, in a child."""

    def __init__(self, hash_seed: int) -> None:
        user = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=user | {"PYTHONHASHSEED": str(hash_seed)},
        )  # fmt: skip

    def ask(self, *command: Any) -> Any:
        """Return the answer to a command; the first takes as long as the imports."""
        print(json.dumps(command), file=self._process.stdin, flush=True)
        assert select.select([self._process.stdout], [], [], 300)[0], "the fork server doesn't answer"
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """End it; the processes that it started end by themselves or were killed."""
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


_servers: dict[int, ForkServer] = {}
_next = count()


def podium_process(folder: Path, *arguments: str) -> Fork:
    """Return a running ``python run.py`` with these arguments; ``folder`` is for what it prints.

    Each differs from the one before in its hash seed, as two processes of a user do: no run may depend on
    the order of a set.
    """
    return Fork(_server(1 + next(_next) % 2), folder, {}, ROOT, ["run.py", *arguments])


def python_process(folder: Path, *words: str, hash_seed: int = 1, **variables: str) -> Fork:
    """Return a running ``python`` with ``-m module`` or a script of this repository, and its arguments."""
    return Fork(_server(hash_seed), folder, variables, ROOT, words)


def python_elsewhere(folder: Path, there: Path, *words: str) -> Fork:
    """Return a running ``python`` in another folder, whose modules are not those of this repository."""
    return Fork(_server(1), folder, {"PYTHONDONTWRITEBYTECODE": "1", _FORGET: "yes"}, there, words)


def _server(hash_seed: int) -> ForkServer:
    """Return the one with that hash seed, started when it is first needed."""
    if hash_seed not in _servers:
        _servers[hash_seed] = ForkServer(hash_seed)
        atexit.register(_servers[hash_seed].end)
    return _servers[hash_seed]


def _import_all() -> None:
    """Import what a process of Podium needs, also late."""
    import cv2
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import timm  # noqa: F401
    import torch._dynamo
    import torch.utils.flop_counter
    import torch.utils.tensorboard  # noqa: F401

    with suppress(ModuleNotFoundError):  # an extra
        import optuna  # noqa: F401

    cv2.setNumThreads(0)  # a fork waits for ever for those of its parent
    import run  # noqa: F401
    from experiment.mode import MODES

    MODES.names()
    registries = [value for value in gc.get_objects() if type(value) is Registry]
    for registry in registries:
        registry.names()


def _forget_all() -> None:
    """Forget every module of this repository, so that it is imported from where the process works."""
    library = Path(os.__file__).parent, Path(sys.prefix)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
        if file is None or not Path(file).is_relative_to(ROOT):
            continue
        if name != "__main__" and not any(Path(file).is_relative_to(folder) for folder in library):
            del sys.modules[name]


def serve() -> None:
    """Fork a process for each ``start``, say for each ``poll`` how one ended."""
    set_up_threads()  # as run.py does, before torch is imported
    _import_all()
    for line in sys.stdin:
        command, *words = json.loads(line)
        if command == "start":
            process = os.fork()
            if process == 0:
                _begin(*words)
            answer: int | None = process
        else:
            ended, status = os.waitpid(int(words[0]), os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        print(json.dumps(answer), flush=True)


def _begin(folder: str, variables: Mapping[str, str], there: str, words: Sequence[str]) -> None:
    """Be ``python`` with these words, its output in the files 1 and 2; never returns."""
    # Nobody waits for it when the tests are killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (1, 2):
        os.dup2(os.open(Path(folder) / str(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(variables)
    if os.environ.pop(_FORGET, None):
        _forget_all()
    os.chdir(there)
    sys.path[0] = there
    subprocess.Popen = _ForkedPopen  # type: ignore[misc]
    _become(words)


class _ForkedPopen(subprocess.Popen[Any]):
    """A process of this Python is a fork of this one, and imports nothing either."""

    def __init__(self, args: Sequence[str], **options: Any) -> None:
        def fork() -> None:
            os.closerange(3, 1 << 16)  # with the pipe that says that the command was found
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                if callable(signal.getsignal(number)):  # as executing a program would
                    signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if options.get("env") is not None:
                os.environ.clear()
                os.environ.update(options["env"])
            _become(list(args)[1:])

        if args[0] == sys.executable:
            options["preexec_fn"] = fork  # never returns, so that nothing is executed
        super().__init__(args, **options)


def _become(words: Sequence[str]) -> None:
    """Be ``python`` with these words; never returns."""
    code = 1
    # The usual lock is one for all forks: who was killed while it had that would stop all others for ever.
    tqdm.set_lock(threading.RLock())
    try:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # those of the parent may be closed any time
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        kind, *arguments = words[1:] if words[0] == "-u" else words  # its output is flushed anyway
        if kind == "-m":
            sys.argv = list(arguments)
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        elif kind == "-c":
            sys.argv = ["-c", *arguments[1:]]
            exec(arguments[0], {"__name__": "__main__"})
        else:
            sys.argv = list(words)
            runpy.run_path(kind, run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
