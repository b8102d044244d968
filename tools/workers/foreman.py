"""Starts workers, shows how far all of them are, and starts another one where one was killed."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tqdm import tqdm

from tools.workers.record import Record
from tools.workers.slots import Slots
from utils import signals
from utils.durable import lock, remove
from utils.errors import ResumableStop

log = logging.getLogger("podium")
_RUN = Path(__file__).parents[2] / "run.py"
_LOOK = 0.2  # seconds between two looks at the workers
_AGAIN = 1.0  # seconds between two looks for a member that nobody has
_PATIENCE = 60.0  # seconds that a worker gets to keep its state
_MOST_BARREN = 4  # workers in a row that ended without having got anything further
_LAST_WORDS = 80  # of what such a worker printed


@dataclass(slots=True)
class _Process:
    """A worker: its process, and the file that it prints into."""

    number: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    path: Path


@dataclass(slots=True)
class Foreman:
    """Keeps one worker in each slot as long as there are members to train.

    Args:
        names: of the members.
        epochs: of each.
        arguments: of the command line of a worker.
    """

    folder: Path
    names: Sequence[str]
    epochs: int
    slots: Slots
    arguments: Sequence[str]
    _running: list[_Process] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)  # what was said of each member
    _barren: int = 0
    _asked: float = 0.0
    _done: int = 0  # epochs

    def work(self) -> None:
        """Return when each member is finished or set aside, and no worker runs any more.

        Raises:
            ResumableStop: workers end again and again without getting anything further.
            Interrupted: a signal came; the workers have kept their state.
        """
        whole = len(self.names) * self.epochs
        with (
            signals.held(),
            tqdm(total=whole, desc=f"{len(self.names)} members", unit="epoch", disable=None) as bar,
        ):
            try:
                while not signals.received() and self._goes_on():
                    self._look(bar)
                    time.sleep(_LOOK)
                self._look(bar)
            finally:
                self._end()

    def _goes_on(self) -> bool:
        """Replace workers that have ended; tell whether there is anything left to wait for."""
        for worker in [one for one in self._running if one.process.poll() is not None]:
            self._running.remove(worker)
            self._took_leave(worker)
        if self._barren > _MOST_BARREN:
            raise ResumableStop(f"Workers end again and again; the last one said: {self._last_words()}")

        waiting = [name for name in self.names if self._record(name).is_open]
        missing = min(self.slots.count, len(waiting)) - len(self._running)
        if missing > 0 and time.monotonic() - self._asked > _AGAIN:
            self._asked = time.monotonic()
            for _ in range(min(missing, self._free(waiting))):
                self._start()
        return bool(waiting or self._running)

    def _free(self, waiting: Sequence[str]) -> int:
        """Return how many members nobody trains, another machine included."""
        count = 0
        for name in waiting:
            with lock(self.folder / name / ".lock", wait=False) as mine:
                count += mine
        return count

    def _start(self) -> None:
        used = {worker.number for worker in self._running}
        number = next(i for i in range(self.slots.count) if i not in used)
        path = self._output(number)
        remove(path)
        output = open(path, "ab")  # noqa: SIM115  (closed when the worker has ended)
        command = [sys.executable, str(_RUN), *self.arguments, "--foreman", str(os.getpid())]
        process = subprocess.Popen(
            command,
            env=os.environ | self.slots.environment(number),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the workers through the foreman, once
        )
        self._running.append(_Process(number, process, output, path))

    def _output(self, number: int) -> Path:
        return self.folder / f".worker-{number}.log"

    def _took_leave(self, worker: _Process) -> None:
        worker.output.close()
        code = worker.process.returncode
        if code == 0:
            remove(worker.path)
            return
        self._barren += 1
        if code < 0:
            name = signal.Signals(-code).name
            log.warning("Worker %d was ended by %s: what it had is gone on with.", worker.number + 1, name)

    def _last_words(self) -> str:
        for number in range(self.slots.count):
            path = self._output(number)
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
            if words := " ".join(line.strip() for line in lines if line.strip()):
                return " ".join(words.split()[-_LAST_WORDS:])
        return "nothing"

    def _look(self, bar: "tqdm[object]") -> None:
        """Bring the bar and the log up to what the members' folders say."""
        done = 0
        for name in self.names:
            record = self._record(name)
            done += self._epochs_of(name)
            self._tell(name, record)
        if done > self._done:
            self._done, self._barren = done, 0
        bar.update(min(self._done, int(bar.total or 0)) - bar.n)

    def _epochs_of(self, name: str) -> int:
        if self._record(name).is_finished:
            return self.epochs  # also where it stopped early
        try:
            return (self.folder / name / "metrics.jsonl").read_bytes().count(b"\n")
        except OSError:
            return 0

    def _tell(self, name: str, record: Record) -> None:
        """Log what has become of a member, once."""
        if record.is_finished:
            said = "finished"
        elif (failure := record.failure) is not None:
            said = f"{'set aside' if failure.is_final else 'failed, and is tried once more'}: {failure.error}"
        else:
            said = f"trained by {record.worker}" if record.worker else ""
        if said and self._known.get(name) != said:
            self._known[name] = said
            log.info("%s: %s", name, said)

    def _record(self, name: str) -> Record:
        return Record(self.folder / name)

    def _end(self) -> None:
        """Ask workers that still run to keep their state and end; those that do not are killed."""
        for worker in self._running:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self._running:
            try:
                worker.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.output.close()
        self._running.clear()
