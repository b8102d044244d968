"""What a job of a SLURM cluster does: one worker, queued again when it was stopped before its end.

It is sent to the node as it stands here, so it imports nothing of ours.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

STOPPED = 4  # the exit code of a worker that was stopped and can be gone on with
_LOOK = 0.5  # seconds
_SHORT = 60.0  # seconds, after which a worker that was stopped has got somewhere
_PATIENCE = 60.0  # seconds that a worker gets to keep its state
_MOST = 3  # times in a row that a worker that got nowhere is queued again


@dataclass
class Job:
    """A worker as a process of the node.

    Attributes:
        cwd: the folder in which the command was given.
        output: the file that it prints into.
        stop: a file that tells all workers to keep their state and end.
        barren: how often in a row it ended before it got anywhere.
    """

    command: Sequence[str]
    variables: Mapping[str, str]
    cwd: str
    output: str
    stop: str
    barren: int = 0
    process: Any = field(init=False, default=None)

    def __call__(self) -> int:
        """Return the exit code of the worker, unless it is queued again."""
        began, stop = time.monotonic(), Path(self.stop)
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                [*self.command, "--foreman", str(os.getpid())],
                cwd=self.cwd,
                env={**os.environ, **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        while self.process.poll() is None and not stop.exists():
            time.sleep(_LOOK)
        code = self._end()

        self.barren = self.barren + 1 if time.monotonic() - began < _SHORT else 0
        if code == STOPPED and not stop.exists() and self.barren <= _MOST:
            name = os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2")
            signal.raise_signal(getattr(signal, f"SIG{name}"))  # as if the cluster wanted the node back
        return code

    def checkpoint(self) -> Any:
        """Return the same job, which submitit queues again; the worker has kept its state by then."""
        from submitit.helpers import DelayedSubmission

        self._end()
        return DelayedSubmission(replace(self))

    def _end(self) -> int:
        """Ask the worker to keep its state, if it still runs, and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        end = time.monotonic() + _PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            time.sleep(_LOOK / 10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return int(self.process.returncode)
