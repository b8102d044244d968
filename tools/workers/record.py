"""What workers leave in a member's folder for each other: who trains it, and why it was set aside."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.run_folder import FINISHED
from train import checkpoint
from utils.durable import remove, write_json
from utils.errors import DataError, PodiumError
from utils.forms import COUNT, TEXT, Form
from utils.read_json import read_json

FAILED = "failed.json"
_TAKEN = ".taken.json"
_ALIKE = 2  # failures with the same words, after which nobody takes a member
_MOST = 4  # failures of any kind
_KILLS = 3  # of its workers, without a new checkpoint between them
_FORM: Form = {"error": TEXT, "times": COUNT, "alike": COUNT, "code": COUNT}
_FORM_OF_TAKEN: Form = {"worker": TEXT, "progress": TEXT, "kills": COUNT}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a member is not finished.

    Attributes:
        error: the kind of error and its message.
        code: the exit code that the error would have had.
    """

    error: str
    times: int = 0
    alike: int = 0
    code: int = 4

    @property
    def is_final(self) -> bool:
        """Whether nobody is to try again."""
        return self.alike >= _ALIKE or self.times >= _MOST


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """The record of one member; its folder is held by who writes it."""

    folder: Path

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to train it."""
        failure = self.failure
        return not self.is_finished and (failure is None or not failure.is_final)

    @property
    def is_finished(self) -> bool:
        """Whether it is trained."""
        return (self.folder / FINISHED).exists()

    @property
    def failure(self) -> Failure | None:
        """How it failed, if it did; what can't be read counts as nothing."""
        values = _read(self.folder / FAILED, _FORM)
        return None if values is None else Failure(**{key: values[key] for key in _FORM})

    @property
    def worker(self) -> str:
        """Who trains it, or did when it was killed; "": nobody."""
        values = _read(self.folder / _TAKEN, _FORM_OF_TAKEN)
        return "" if values is None else str(values["worker"])

    def take(self) -> bool:
        """Note that this process trains it; False: too many before it were killed, so it is set aside."""
        before = _read(self.folder / _TAKEN, _FORM_OF_TAKEN)
        progress = str(checkpoint.newest(self.folder / "checkpoints", "last"))
        kills = 0
        if before is not None:
            kills = 1 + (before["kills"] if before["progress"] == progress else 0)
        if kills >= _KILLS:
            self._keep(Failure(f"its worker was killed {kills} times before a checkpoint", alike=_ALIKE))
            self.leave()
            return False
        name = f"{socket.gethostname()}:{os.getpid()}"
        write_json(self.folder / _TAKEN, {"worker": name, "progress": progress, "kills": kills})
        return True

    def leave(self) -> None:
        """Note that this process no longer trains it."""
        remove(self.folder / _TAKEN)

    def fail(self, error: Exception, *, final: bool) -> Failure:
        """Note an error; ``final``: trying again would only repeat it."""
        kind = error.name if isinstance(error, PodiumError) else type(error).__name__
        code = error.exit_code if isinstance(error, PodiumError) else 1
        text, before = f"{kind}: {error}", self.failure or Failure("")
        alike = before.alike + 1 if before.error == text else 1
        failure = Failure(text, before.times + 1, _ALIKE if final else alike, code)
        self._keep(failure)
        return failure

    def clear(self) -> None:
        """Forget all failures."""
        remove(self.folder / FAILED)
        self.leave()

    def _keep(self, failure: Failure) -> None:
        write_json(self.folder / FAILED, {key: getattr(failure, key) for key in _FORM})


def _read(path: Path, form: Form) -> dict[str, Any] | None:
    try:
        return read_json(path, form=form, needs=tuple(form))
    except DataError:
        return None
