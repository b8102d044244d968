"""Optuna's study of a sweep: proposes values, and is told what came of them. One journal, many processes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sweep.settings import SweepSettings
from utils.durable import lock
from utils.errors import ConfigError
from utils.seeds import derive

JOURNAL = "journal.log"
_NAME = "sweep"
_STARTUP = 5  # trials before any is pruned
_OVER = ("COMPLETE", "PRUNED", "FAIL")


def load_optuna() -> Any:
    """Return the library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("--mode sweep needs Optuna: pip install -r requirements-sweep.txt") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class _KernelLock:
    """The lock of the journal: the kernel's, so that it is gone when the process is."""

    def __init__(self, path: Path) -> None:
        self._path, self._stack = path, ExitStack()

    def acquire(self) -> bool:
        return self._stack.enter_context(lock(self._path, wait=True))

    def release(self) -> None:
        self._stack.close()


@dataclass(frozen=True, slots=True)
class Study:
    """The trials of a sweep, which any number of processes share.

    A process holds the lock of the trial that it trains, so a trial that is running and whose lock is free
    was left by one that is gone.
    """

    folder: Path
    optuna: Any
    study: Any
    seed: int

    @classmethod
    def of(cls, folder: Path, settings: SweepSettings, seed: int) -> "Study":
        """Return the study in a sweep's folder, a new one if there is none."""
        optuna = load_optuna()
        path = folder / JOURNAL
        backend = optuna.storages.journal.JournalFileBackend(
            str(path), lock_obj=_KernelLock(folder / ".journal.lock")
        )
        pruners = optuna.pruners
        pruner = {
            "median": lambda: pruners.MedianPruner(n_startup_trials=_STARTUP),
            "halving": lambda: pruners.SuccessiveHalvingPruner(),
            "no": lambda: pruners.NopPruner(),
        }[settings.prune]()
        with lock(folder / ".ask.lock", wait=True):  # two processes would make it twice
            study = optuna.create_study(
                study_name=_NAME,
                storage=optuna.storages.JournalStorage(backend),
                pruner=pruner,
                direction="maximize",
                load_if_exists=True,
            )
        return cls(folder, optuna, study, seed)

    def trials(self) -> list[Any]:
        """Return all trials as the journal has them, by number."""
        return list(self.study.get_trials(deepcopy=False))

    def over(self) -> list[Any]:
        """Return the trials that have ended, one way or another."""
        return [trial for trial in self.trials() if trial.state.name in _OVER]

    @contextmanager
    def next(self, most: int) -> Iterator[Any | None]:
        """Hold a trial that a killed process left, or else a new one; None: there are ``most`` of them."""
        with ExitStack() as stack:
            with lock(self.folder / ".ask.lock", wait=True):
                trial = self._left(stack)
                if trial is None and len(self.trials()) < most:
                    trial = self._ask()
                    self._hold(stack, trial.number)
            yield trial

    def tell(self, number: int, value: float | None, state: str) -> None:
        """Note how a trial ended: COMPLETE, PRUNED or FAIL."""
        self.study.tell(number, value, state=self.optuna.trial.TrialState[state], skip_if_finished=True)

    def _left(self, stack: ExitStack) -> Any | None:
        for trial in self.trials():
            if trial.state.name == "RUNNING" and self._hold(stack, trial.number):
                return self.optuna.Trial(self.study, trial._trial_id)
        return None

    def _ask(self) -> Any:
        """Return a new trial; what is proposed depends on the seed and the trials before it."""
        seed = derive("sweep", self.seed, len(self.trials())) % 2**32
        self.study.sampler = self.optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        return self.study.ask()

    def _hold(self, stack: ExitStack, number: int) -> bool:
        held = ExitStack()
        mine = held.enter_context(lock(self.folder / f".trial-{number:03d}.lock", wait=False))
        if mine:
            stack.push(held)
        else:
            held.close()
        return mine
