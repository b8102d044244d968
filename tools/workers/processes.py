"""Workers as processes of this machine."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from experiment.crew import PartedWork
from tools.workers.starter import STARTERS, Slots, Started, Starter
from utils.durable import remove

RUN = Path(__file__).parents[2] / "run.py"


class _Process(Started):
    """A process, and the file that it prints into."""

    def __init__(self, number: int, command: Sequence[str], variables: dict[str, str], output: Path) -> None:
        super().__init__(number)
        self._path = output
        remove(output)
        self._output = open(output, "ab")  # noqa: SIM115  (closed when the worker has ended)
        self._process = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the workers through the foreman, once
        )

    def code(self) -> int | None:
        return self._process.poll()

    def words(self) -> str:
        return self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self, *, well: bool) -> None:
        self._output.close()
        if well:
            remove(self._path)


@STARTERS.register
class Processes(Starter):
    """Processes of this machine, one a GPU or a share of the cores each."""

    def slots(self, here: Slots, began: int | None) -> Slots:
        return here

    def start(self, work: PartedWork, slots: Slots, numbers: Sequence[int]) -> list[Started]:
        command = [sys.executable, str(RUN), *work.arguments(), "--foreman", str(os.getpid())]
        return [
            _Process(number, command, slots.environment(number), output_of(work, number))
            for number in numbers
        ]


def output_of(work: PartedWork, number: int) -> Path:
    """Return the file into which the worker of a slot prints."""
    return work.folder / f".worker-{number}.log"
