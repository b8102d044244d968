"""One worker: takes a member that nobody has, trains it, and goes on until there is none left."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiment.cross_validation import CrossValidation
from experiment.members import Member, members_of
from experiment.run_folder import held
from experiment.time_limit import share
from tools.workers.record import MemberRecord
from train.time_limit.clock import since_start
from utils.duration import Duration
from utils.errors import ConfigError, Diverged, ResumableStop
from utils.logs import logged_to

log = logging.getLogger("podium")


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that trains members of a run, each under that member's own lock.

    Attributes:
        workers: how many there are of it, among whom a time limit is shared.
        deadline: when all members have to be complete, as ``time.time()``; None = as [train] time_limit says.
        only: the one member that it trains; None = any.
    """

    group: CrossValidation
    folder: Path
    workers: int = 1
    deadline: float | None = None
    only: str | None = None

    @property
    def members(self) -> list[Member]:
        members = members_of(self.group.experiment.settings.run)
        return [member for member in members if self.only in (None, member.name)]

    def work(self) -> None:
        """Train members until none is free."""
        while True:
            with self._taken() as member:
                if member is None:
                    return
                self._train(member)

    @contextmanager
    def _taken(self) -> Iterator[Member | None]:
        """Hold the first member that is open and that nobody else holds, if there is one."""
        with ExitStack() as stack:
            for member in self.members:
                record = MemberRecord(self.folder / member.name)
                if record.is_open and _held_by_us(stack, record.folder):
                    if record.is_open and record.take():
                        yield member
                        return
                    stack.close()
            yield None

    def _train(self, member: Member) -> None:
        record = MemberRecord(self.folder / member.name)

        with logged_to(record.folder / "log.txt"):
            try:
                self.group.train_member(member, record.folder, whole=None, until=self._until())
            except Exception as error:
                if type(error) is ResumableStop:  # a signal: somebody goes on with it
                    record.leave()
                    raise
                self._note(record, member, error)
                return
            except KeyboardInterrupt:
                record.leave()
                raise

        record.clear()

    def _note(self, record: MemberRecord, member: Member, error: Exception) -> None:
        """Keep why a member failed; the others go on."""
        failure = record.fail(error, final=isinstance(error, Diverged))
        record.leave()
        what = "is set aside" if failure.is_final else "is tried once more"
        ours = failure.code == 1  # nobody's mistake but ours, so all of it is shown
        log.error("%s %s: %s", member.name, what, failure.error, exc_info=error if ours else None)

    def _until(self) -> float | None:
        """Return when the next member has to be complete, in seconds since the process's start."""
        limit = self.group.experiment.settings.train.time_limit
        if limit is None:
            return None
        end = limit.seconds if self.deadline is None else since_start() + self.deadline - time.time()
        rounds = rounds_left(
            [MemberRecord(self.folder / member.name) for member in self.members], self.workers
        )
        dataset, _ = next(iter(self.group.data.values()))
        return share(Duration(math.floor(end)), runs=rounds, images=len(dataset.files))


def rounds_left(records: Sequence[MemberRecord], workers: int) -> int:
    """Return how many members one after another each of several workers trains, the next one included."""
    free = sum(record.is_open and not record.worker for record in records)
    return math.ceil((free + 1) / workers)


def _held_by_us(stack: ExitStack, folder: Path) -> bool:
    try:
        stack.enter_context(held(folder))
    except ConfigError:  # somebody else's
        return False
    return True
