"""Optuna's study of a sweep: proposes values, and is told what came of them. One journal, many processes."""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tools.sweep.settings import SweepSettings
from utils.durable import lock
from utils.errors import ConfigError, ResumableStop
from utils.seeds import derive

JOURNAL = "journal.log"
_STARTUP = 5  # trials before any is pruned
_DRIVER = "psycopg"
_PATIENCE = 20  # seconds that a database gets to answer
_LONGEST = 300  # characters of what it says
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


def storage_of(where: str, folder: Path) -> Any:
    """Return what keeps the trials: a journal in a sweep's folder, or a database.

    Raises:
        ConfigError: no database answers.
    """
    storages = load_optuna().storages
    if where == "auto":
        backend = storages.journal.JournalFileBackend(
            str(folder / JOURNAL), lock_obj=_KernelLock(folder / ".journal.lock")
        )
        return storages.JournalStorage(backend)

    return _database(where)


def reach(where: str) -> None:
    """Make sure that there is a storage, before a sweep gets a folder.

    Raises:
        ConfigError: the text is no address of a database, or none answers there.
    """
    if where != "auto":
        check_storage(where)
        _database(where)


def _database(where: str) -> Any:
    from sqlalchemy.exc import SQLAlchemyError

    options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": _PATIENCE}}
    try:
        return load_optuna().storages.RDBStorage(_with_driver(where), engine_kwargs=options)
    except (SQLAlchemyError, ImportError, RuntimeError) as error:
        raise ConfigError(f"[sweep] storage = {where}: {_why(error)}") from None


@contextmanager
def answering(where: str) -> Iterator[None]:
    """Let a database that is lost inside stop a sweep, which can be gone on with.

    Raises:
        ResumableStop: it no longer answers.
    """
    if where == "auto":
        yield
        return
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        why = _why(error.__cause__ if isinstance(error.__cause__, Exception) else error)
        raise ResumableStop(f"[sweep] storage = {where} no longer answers: {why}") from None


def check_storage(where: str) -> None:
    """Refuse what is no address of a database, and one with a password, which each run would keep.

    Raises:
        ConfigError: says what to write.
    """
    parts = urlsplit(where)
    if not parts.scheme.startswith("postgresql") or not parts.path.strip("/"):
        raise ConfigError(
            f"[sweep] storage = {where}: write auto, or postgresql://user@host/base. Other databases lose "
            "or double trials when several processes use them."
        )
    if parts.password is not None:
        raise ConfigError(
            f"[sweep] storage: each run keeps its config, so leave the password out of {parts.hostname}'s "
            "address: it is taken from PGPASSWORD or ~/.pgpass."
        )

    driver = urlsplit(_with_driver(where)).scheme.partition("+")[2]
    if importlib.util.find_spec(driver) is None:
        raise ConfigError(
            f"[sweep] storage = {where} needs {driver}: pip install -r requirements-postgres.txt"
        )


def _with_driver(where: str) -> str:
    """Return an address that names its driver; which one is meant without depends on SQLAlchemy's version."""
    scheme, _, rest = where.partition("://")
    return f"{scheme if '+' in scheme else f'{scheme}+{_DRIVER}'}://{rest}"


def _why(error: Exception) -> str:
    """Return what a database says, without the library's own lines about it."""
    text = str(getattr(error, "orig", None) or error)
    return " ".join(text.split())[:_LONGEST]


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
    def of(cls, folder: Path, settings: SweepSettings, seed: int, name: str) -> "Study":
        """Return the study of a sweep's folder, a new one if there is none.

        Args:
            name: of the study, by which a database knows it.

        Raises:
            ConfigError: no database answers.
        """
        optuna = load_optuna()
        pruners = optuna.pruners
        pruner = {
            "median": lambda: pruners.MedianPruner(n_startup_trials=_STARTUP),
            "halving": lambda: pruners.SuccessiveHalvingPruner(),
            "no": lambda: pruners.NopPruner(),
        }[settings.prune]()

        with lock(folder / ".ask.lock", wait=True):  # two processes would make it twice
            study = optuna.create_study(
                study_name=name,
                storage=storage_of(settings.storage, folder),
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

    def others_train(self) -> bool:
        """Tell whether another process is at a trial."""
        running = [trial.number for trial in self.trials() if trial.state.name == "RUNNING"]
        return any(not self._is_free(number) for number in running)

    def longest(self) -> float:
        """Return the seconds of the finished trial that took longest; 0 before there is one."""
        finished = [trial for trial in self.trials() if trial.state.name == "COMPLETE"]
        return max((trial.duration.total_seconds() for trial in finished), default=0.0)

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

    def _is_free(self, number: int) -> bool:
        with ExitStack() as stack:
            return self._hold(stack, number)

    def _hold(self, stack: ExitStack, number: int) -> bool:
        held = ExitStack()
        mine = held.enter_context(lock(self.folder / f".trial-{number:03d}.lock", wait=False))
        if mine:
            stack.push(held)
        else:
            held.close()
        return mine
