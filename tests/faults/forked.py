"""Podium run in a forked process: what it said, how it ended, and which storage calls it made."""

import contextlib
import io
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import run
from tests.faults.storage import MEMORY, Call, NoFault, Storage

LIMIT = 120  # seconds after which a command hangs
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Words = Sequence[str]  # of a command line, without ``python run.py``


@dataclass(frozen=True)
class Result:
    """What a command left behind beside its files."""

    code: int  # negative: the signal that ended it
    text: str  # standard output and error
    calls: list[Call] = field(default_factory=list)  # unless it was killed
    read: set[str] = field(default_factory=set)  # files that were opened, as the calls' paths
    hung: bool = False

    @property
    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.text or "--- Logging error ---" in self.text

    @property
    def end(self) -> str:
        return " / ".join(self.text.strip().splitlines()[-3:])[-400:]

    @property
    def last(self) -> str:
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1].strip()[:160] if lines else ""


def podium(
    root: Path,
    words: Words,
    fault: NoFault | None = None,
    *,
    meanwhile: Callable[[int], None] | None = None,
) -> Result:
    """Run ``python run.py`` with these words in a folder, as a process of its own; wait for it.

    Args:
        meanwhile: gets the process's number, to send it signals.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="podium-said-") as folder:
        said, facts = Path(folder) / "said", Path(folder) / "facts"
        process = os.fork()
        if process == 0:
            _become_podium(root, words, fault or NoFault(), said, facts)
        if meanwhile is not None:
            while not said.exists():  # it is not Podium yet
                time.sleep(0.001)
            time.sleep(0.005)
            meanwhile(process)
        code, hung = _wait(process)
        text = said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
        calls, read = pickle.loads(facts.read_bytes()) if facts.exists() else ([], set())
        return Result(code, text, calls, read, hung)


def podium_from_its_start(root: Path, words: Words, meanwhile: Callable[[int], None]) -> Result:
    """Run ``python run.py`` as a new process, whose imports take seconds; ``meanwhile`` as for ``podium``."""
    command = [sys.executable, str(Path(run.__file__).resolve()), *words]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        while process.poll() is None and not _catches_signals(process.pid):  # the interpreter itself starts
            time.sleep(0.001)
        meanwhile(process.pid)
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            return Result(process.wait(), "", hung=True)
        said.seek(0)
        return Result(code, said.read().decode("utf-8", errors="replace"))


def _catches_signals(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def _wait(process: int) -> tuple[int, bool]:
    """Return the exit code, and whether it had to be killed because it took too long."""
    end = time.monotonic() + LIMIT
    pause = 0.002
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.03)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), True


def _become_podium(root: Path, words: Words, fault: NoFault, said: Path, facts: Path) -> None:
    """Be the process; never returns."""
    code = 1
    try:
        storage = Storage(root, fault)
        _face(root, words, said)
        storage.install()
        code = _main(words)
        for number in STOPPING:  # as run.py does
            signal.signal(number, signal.SIG_IGN)
        _flush()
        logging.shutdown()
        temporary = facts.with_suffix(".new")  # a process that is killed here has no facts, not half of them
        temporary.write_bytes(pickle.dumps((storage.calls, storage.read)))
        temporary.replace(facts)
    finally:
        os._exit(code)


def _face(root: Path, words: Words, said: Path) -> None:
    """Put on the outside of a new process: folder, arguments, signals, output."""
    os.chdir(root)
    sys.argv = ["run.py", *words]
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("podium").handlers.clear()
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)


def _main(words: Words) -> int:
    try:
        return run.main(list(words))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except BaseException:  # as the interpreter does
        traceback.print_exc()
        return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
