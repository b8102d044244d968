"""Workers as jobs of a SLURM cluster, by submitit: an array, each queued again until all is done."""

import logging
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiment.crew import PartedWork
from experiment.section import SECTIONS, Section
from experiment.settings import Settings
from tools.workers import slurm_job
from tools.workers.processes import RUN, output_of
from tools.workers.settings import WorkersSettings
from tools.workers.slots import elsewhere
from tools.workers.starter import STARTERS, Slots, Started, Starter, not_installed
from utils.convert import CountOrZero, Few, Positive
from utils.durable import make_folder, remove, remove_folder, write_text
from utils.duration import Duration
from utils.errors import ConfigError

log = logging.getLogger("podium")
_STOP = ".workers-stop"  # tells jobs, wherever they are, to keep their state and end
_JOBS = ".slurm"  # what submitit keeps of jobs
_TIMEOUTS = 1000  # times that a job is queued again when its time is over
_LEAST = 30.0  # seconds between two questions to SLURM
_KILLED = -9
_TIME = Duration(4 * 3600)


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSettings(Section):
    """What each job of [workers] starter = slurm asks for; what is left out is the cluster's own default."""

    section = "slurm"
    is_here = True

    cluster: Literal["slurm", "local"] = "slurm"  # local: processes of this machine, to try it
    partition: str | None = None  # of nodes: where jobs may run
    account: str | None = None  # that the time is charged to
    time: Duration = _TIME  # of a job, which is queued again when that is over
    notice: Few = 90  # seconds before that end in which a worker keeps its state
    cpus: Few = 4  # cores of a job
    gpus: CountOrZero = 1  # of a job; 0: it trains on the CPU
    memory: Positive | None = None  # of a job, in GB
    more: tuple[str, ...] = ()  # further options of sbatch: qos=high, constraint=a100


class _QueuedJob(Started):
    def __init__(self, number: int, job: Any, output: Path, stop: Path) -> None:
        super().__init__(number)
        self._job, self._output, self._stop = job, output, stop
        self._asked = time.monotonic()

    def code(self) -> int | None:
        now = time.monotonic()
        ask = now - self._asked > _LEAST
        self._asked = now if ask else self._asked
        if not self._job.done(force_check=ask):
            return None
        if not self._job.paths.result_pickle.exists():
            return _KILLED
        try:
            return int(self._job.result())
        except Exception:  # whatever the job was ended by, as submitit tells it
            return 1

    def words(self) -> str:
        texts = [self._output, self._job.paths.stderr]
        return " ".join(path.read_text(encoding="utf-8", errors="replace") for path in texts if path.exists())

    def stop(self) -> None:
        write_text(self._stop, "")

    def kill(self) -> None:
        self._job.cancel(check=False)

    def close(self, *, well: bool) -> None:
        if well:
            remove(self._output)


@STARTERS.register
class Slurm(Starter):
    """Jobs of a SLURM cluster that sees the run's folder, the data and this Python."""

    section = SlurmSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.request = settings.of_tool(SlurmSettings)
        _parsed(self.request.more)

    def slots(self, here: Slots, began: int | None) -> Slots:
        _submitit()
        if self.request.cluster == "slurm" and shutil.which("srun") is None:
            raise ConfigError(
                "[workers] starter = slurm: there is no srun here. Give the command on a login node of the "
                "cluster, or try it with [slurm] cluster = local."
            )
        return elsewhere(self.settings.of_tool(WorkersSettings), self.request.cpus, began)

    def begin(self, work: PartedWork) -> None:
        remove(work.folder / _STOP)

    def start(self, work: PartedWork, slots: Slots, numbers: Sequence[int]) -> list[Started]:
        executor, stop = self._executor(work.folder / _JOBS), work.folder / _STOP
        command = [sys.executable, str(RUN), *work.arguments()]
        jobs = [
            slurm_job.Job(
                command,
                slots.environment(number),
                str(Path.cwd()),
                str(output_of(work, number).absolute()),
                str(stop.absolute()),
            )
            for number in numbers
        ]

        try:
            with executor.batch():  # one array
                submitted = [executor.submit(job) for job in jobs]
        except Exception as error:
            raise ConfigError(f"SLURM takes no job: {' '.join(str(error).split())}") from error

        log.info("Queued: %s", ", ".join(job.job_id for job in submitted))
        return [
            _QueuedJob(number, job, output_of(work, number), stop)
            for number, job in zip(numbers, submitted, strict=True)
        ]

    def end(self, work: PartedWork) -> None:
        remove(work.folder / _STOP)
        remove_folder(work.folder / _JOBS)

    def _executor(self, folder: Path) -> Any:
        """Return what submits jobs; its files are kept in ``folder``."""
        request = self.request
        make_folder(folder)
        executor = _submitit().AutoExecutor(folder, cluster=request.cluster, slurm_max_num_timeout=_TIMEOUTS)
        asked = {
            "mem_gb": request.memory,
            "slurm_partition": request.partition,
            "slurm_account": request.account,
        }

        executor.update_parameters(
            name="podium",
            timeout_min=max(1, math.ceil(request.time.seconds / 60)),
            cpus_per_task=request.cpus,
            gpus_per_node=request.gpus,
            slurm_signal_delay_s=request.notice,
            slurm_additional_parameters=_parsed(request.more),
            **{key: value for key, value in asked.items() if value is not None},
        )
        return executor


def _submitit() -> Any:
    """Return the library, which sends ``slurm_job`` to nodes as it stands, so that they need not import it.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import cloudpickle
        import submitit
    except ImportError:
        raise not_installed("slurm", "submitit") from None
    cloudpickle.register_pickle_by_value(slurm_job)
    return submitit


def _parsed(texts: Sequence[str]) -> dict[str, str | bool]:
    """Return further options of sbatch by name; one without a value is a switch.

    Raises:
        ConfigError: one of them has no name.
    """
    options: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.strip().removeprefix("--").partition("=")
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"[slurm] more: {text!r} is not an option of sbatch such as qos=high")
        options[name.strip()] = value.strip() if equals else True
    return options
