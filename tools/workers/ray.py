"""Workers as tasks of a Ray cluster, whose machines need not share a disk: files travel with them."""

import io
import logging
import signal
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.crew import PartedWork
from experiment.run_folder import CONFIG, FINISHED, held
from experiment.section import SECTIONS, Section
from experiment.settings import Settings
from experiment.time_limit import share
from tools.workers import ray_task
from tools.workers.members import Members
from tools.workers.processes import RUN
from tools.workers.settings import WorkersSettings
from tools.workers.slots import elsewhere
from tools.workers.starter import ALL, STARTERS, Slots, Started, Starter, not_installed
from tools.workers.worker import rounds_left
from train.time_limit.clock import since_start
from utils.convert import Few, NonNegative
from utils.durable import make_folder, remove, write_bytes
from utils.duration import Duration
from utils.errors import ConfigError

log = logging.getLogger("podium")
_SOURCE = (
    "run.py",
    "utils",
    "dataset",
    "models",
    "loss",
    "schedulers",
    "train",
    "inference",
    "experiment",
    "tools",
)
_LOST, _STOPPED = -9, 4  # codes of a worker that is gone, and of one that was told to go
_OF_RUN = (CONFIG, "environment.json")  # what a worker needs of the run beside its member


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings(Section):
    """Which cluster [workers] starter = ray uses, and what each worker asks it for."""

    section = "ray"
    is_here = True

    address: str = "auto"  # of a cluster: host:6379; auto: the one of this machine; local: begin one here
    cpus: Few = 1  # of each worker
    gpus: NonNegative = 0.0  # of each worker: 0.25 lets four share a GPU


class _RunningTask(Started):
    """A task that trains one member, whose folder here is held meanwhile."""

    def __init__(self, number: int, name: str, folder: Path, news: Any, stack: ExitStack) -> None:
        super().__init__(number)
        self.name, self._folder, self._news, self._stack = name, folder, news, stack
        self._code: int | None = None
        self._words = ""

    def code(self) -> int | None:
        ray = _ray()
        while self._code is None:
            ready, _ = ray.wait([self._news], timeout=0, fetch_local=False)
            if not ready:
                return None
            try:
                self._take(ray.get(next(self._news)))
            except StopIteration:
                self._code = 1
            except (ray.exceptions.RayError, OSError) as error:
                self._code, self._words = _LOST, " ".join(str(error).split())
        return self._code

    def _take(self, news: "ray_task.Files | tuple[int, str]") -> None:
        if isinstance(news, tuple):
            self._code, self._words = news
            return
        # A manifest says that what it speaks of is there, and scores that the run is complete.
        for name in sorted(news, key=lambda name: (name == FINISHED, name.endswith(".json"), name)):
            path, content = self._folder / name, news[name]
            if content is None:
                remove(path)
            else:
                make_folder(path.parent)
                write_bytes(path, content)

    def words(self) -> str:
        return self._words

    def ended_by(self, code: int) -> str:
        return f"is gone with its node or process ({self._words[:200]})"

    def stop(self) -> None:
        self.kill()

    def kill(self) -> None:
        if self._code is None:
            _ray().cancel(self._news)
            self._code = _STOPPED

    def close(self, *, well: bool) -> None:
        self._stack.close()


@STARTERS.register
class Ray(Starter):
    """Tasks of a Ray cluster, each of which trains one member; where one is lost, another goes on with it."""

    section = RaySettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.request = settings.of_tool(RaySettings)
        self._program: Any = None

    def slots(self, here: Slots, began: int | None) -> Slots:
        ray = _connected(self.request.address)
        slots = elsewhere(self.settings.of_tool(WorkersSettings), self.request.cpus, began)
        there = ray.cluster_resources()
        cpus, gpus = there.get("CPU", 0), there.get("GPU", 0)
        room = int(cpus // self.request.cpus)
        if self.request.gpus:
            room = min(room, int(gpus / self.request.gpus + 1e-6))
        if room < (1 if slots.count == ALL else slots.count):
            raise ConfigError(
                f"[workers] starter = ray: the cluster has {cpus:g} CPUs and {gpus:g} GPUs, so there is room "
                f"for {room} worker(s) with [ray] cpus = {self.request.cpus} "
                f"and gpus = {self.request.gpus:g} each."
            )
        return Slots(room if slots.count == ALL else slots.count, slots.threads)

    def begin(self, work: PartedWork) -> None:
        if not isinstance(work, Members):
            raise ConfigError(
                "[workers] starter = ray trains the members of a run over folds. Trials of a sweep share one "
                "folder: write starter = processes or slurm."
            )
        ray = _ray()
        ray.cloudpickle.register_pickle_by_value(ray_task)  # nodes need not import it
        self._program = ray.put(_program())

    def start(self, work: PartedWork, slots: Slots, numbers: Sequence[int]) -> list[Started]:
        if not isinstance(work, Members):
            raise TypeError("begin() has refused it")
        started: list[Started] = []
        for number in numbers:
            with ExitStack() as stack:
                name = _taken(stack, work)
                if name is None:
                    break
                started.append(self._started(work, slots, number, name, stack.pop_all()))
        return started

    def _started(self, work: Members, slots: Slots, number: int, name: str, stack: ExitStack) -> Started:
        files = {file: (work.folder / file).read_bytes() for file in _OF_RUN}
        member = ray_task.Sent(work.folder / name).news()
        files |= {f"{name}/{file}": content for file, content in member.items() if content is not None}

        paths = work.settings.paths
        task = (
            _ray()
            .remote(ray_task.train)
            .options(
                name=f"podium {work.folder.name} {name}",
                num_cpus=self.request.cpus,
                num_gpus=self.request.gpus,
                num_returns="streaming",
                max_retries=0,  # whoever starts it again knows how far it had got
            )
        )

        news = task.remote(
            name,
            files,
            self._program,
            [*_arguments(work, name)],
            slots.environment(number),
            {"PODIUM_DATA": str(paths.data.absolute()), "PODIUM_CACHE": str(paths.cache.absolute())},
        )
        return _RunningTask(number, name, work.folder / name, news, stack)


def _taken(stack: ExitStack, work: Members) -> str | None:
    """Hold the first member that is open and that nobody else holds; return its name."""
    for name in work.open():
        try:
            stack.enter_context(held(work.folder / name))
        except ConfigError:  # somebody else's
            continue
        if work.record(name).is_open:
            return name
        stack.close()
    return None


def _arguments(work: Members, name: str) -> Iterator[str]:
    """Yield the command line of the worker of one member, but for its run."""
    yield from ("--mode", "work", "--only", name, "--set", f"run.device={work.settings.run.device}")
    if (end := work.deadline) is None:
        return
    records = [work.record(other) for other in work.names if other != name]
    limit = Duration(max(1.0, since_start() + end - time.time()))
    until = share(limit, runs=rounds_left(records, work.workers), images=work.images)
    if until is not None:
        yield from ("--deadline", f"{time.time() + until - since_start():.3f}")


def _program() -> bytes:
    """Return a tar of the source."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in _SOURCE:
            archive.add(RUN.parent / name, name, filter=_without_bytecode)
    return packed.getvalue()


def _without_bytecode(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if Path(file.name).name == "__pycache__" else file


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise not_installed("ray", "Ray") from None
    return ray


def _connected(address: str) -> Any:
    """Return the library, connected to a cluster.

    Raises:
        ConfigError: it is not installed, or there is no such cluster.
    """
    ray = _ray()
    if ray.is_initialized():
        return ray
    options = {"include_dashboard": False} if address == "local" else {"address": address}
    try:
        with _signals_kept():
            ray.init(configure_logging=False, log_to_driver=False, **options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        why = " ".join(str(error).split())[:300]
        raise ConfigError(f"[ray] address = {address}: there is no cluster: {why}") from None
    return ray


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Let signals mean afterwards what they did before; Ray takes them for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
