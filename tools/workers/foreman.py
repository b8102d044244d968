"""Has workers started, shows how far all of them are, and has another one started where one was killed."""

import logging
import time
from dataclasses import dataclass, field

from tqdm import tqdm

from experiment.crew import PartedWork
from tools.workers.starter import Slots, Started, Starter
from utils import signals
from utils.errors import ResumableStop

log = logging.getLogger("podium")
_LOOK = 0.2  # seconds between two looks at the workers
_AGAIN = 1.0  # seconds between two looks for a part that nobody has
_LEAVING = 20.0  # seconds that workers get to end by themselves when everything is done
_PATIENCE = 60.0  # seconds that a worker gets to keep its state
_MOST_BARREN = 4  # workers in a row that ended without having got anything further
_LAST_WORDS = 80  # of what such a worker printed


@dataclass(slots=True)
class Foreman:
    """Keeps one worker in each slot as long as there is anything to do."""

    work: PartedWork
    slots: Slots
    starter: Starter
    _running: list[Started] = field(default_factory=list)
    _barren: int = 0
    _asked: float = 0.0
    _done: int = 0  # epochs
    _since: float | None = None  # when everything was done
    _words: str = "nothing"  # the last ones of a worker that failed

    def run(self) -> None:
        """Return when everything is done and no worker runs any more.

        Raises:
            ResumableStop: workers end again and again without getting anything further.
            Interrupted: a signal came; the workers have kept their state.
        """
        self.starter.begin(self.work)
        with (
            signals.held(),
            tqdm(total=self.work.epochs, desc=self.work.called, unit="epoch", disable=None) as bar,
        ):
            try:
                while not signals.received() and self._goes_on():
                    self._look(bar)
                    time.sleep(_LOOK)
                self._look(bar)
            finally:
                self._end()
        self.starter.end(self.work)

    def _goes_on(self) -> bool:
        """Replace workers that have ended; tell whether there is anything left to wait for."""
        for worker in list(self._running):
            if (code := worker.code()) is not None:
                self._running.remove(worker)
                self._took_leave(worker, code)
        if self._barren > _MOST_BARREN:
            raise ResumableStop(f"Workers end again and again; the last one said: {self._words}")

        now, waiting = time.monotonic(), self.work.waiting()
        if not waiting:
            self._since = now if self._since is None else self._since
            return bool(self._running) and now - self._since < _LEAVING
        missing = min(self.slots.count, waiting) - len(self._running)
        if missing > 0 and now - self._asked > _AGAIN:
            self._asked = now
            self._start(min(missing, self.work.free()))
        return True

    def _start(self, count: int) -> None:
        if count <= 0:
            return
        used = {worker.number for worker in self._running}
        numbers = [number for number in range(count + len(used)) if number not in used]
        self._running += self.starter.start(self.work, self.slots, numbers[:count])

    def _took_leave(self, worker: Started, code: int) -> None:
        if code != 0:
            self._barren += 1
            words = " ".join(worker.words().split()[-_LAST_WORDS:])
            self._words = words or self._words
        worker.close(well=code == 0)
        if code < 0:
            what = worker.ended_by(code)
            log.warning("Worker %d %s: what it had is gone on with.", worker.number + 1, what)

    def _look(self, bar: "tqdm[object]") -> None:
        """Bring the bar and the log up to what the folders say."""
        done = self.work.done()
        self.work.tell()
        if done > self._done:
            self._done, self._barren = done, 0
        bar.update(min(self._done, int(bar.total or 0)) - bar.n)

    def _end(self) -> None:
        """Ask workers that still run to keep their state and end; those that do not are killed."""
        for worker in self._running:
            worker.stop()
        end = time.monotonic() + _PATIENCE
        for worker in self._running:
            while worker.code() is None and time.monotonic() < end:
                time.sleep(_LOOK / 4)
            if worker.code() is None:
                worker.kill()
            worker.close(well=worker.code() == 0)
        self._running.clear()
