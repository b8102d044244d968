"""``[workers]``: the members of a run over folds by several processes of this machine."""

import logging
import time
from dataclasses import replace
from pathlib import Path

import torch

from experiment.assemble import Experiment
from experiment.crew import CREWS, Crew
from experiment.cross_validation import CrossValidation
from experiment.members import members_of
from experiment.run_folder import CONFIG, read_environment
from experiment.settings import Settings
from tools.workers.foreman import Foreman
from tools.workers.record import Failure, Record
from tools.workers.settings import WorkersSettings
from tools.workers.slots import Slots, deal_out
from tools.workers.timing import fastest_count
from train.time_limit.clock import since_start
from utils.convert import as_text
from utils.durable import remove_folder
from utils.errors import ConfigError, DataError, ResumableStop

log = logging.getLogger("podium")
_KINDS: dict[int, type[ConfigError] | type[DataError]] = {2: ConfigError, 3: DataError}


@CREWS.register
class Workers(Crew):
    """Processes of this machine, and whoever helps from another one with ``--mode work``."""

    def __init__(self) -> None:
        self.slots = Slots(1, 1)

    @classmethod
    def wanted(cls, settings: Settings) -> bool:
        own = settings.of_tool(WorkersSettings)
        return own.count != 1 or own.threads != "auto"

    def prepare(self, experiment: Experiment, folder: Path | None) -> Experiment:
        """Deal out the machine. The kept config has the threads of each member, and one worker."""
        settings = experiment.settings
        own = settings.of_tool(WorkersSettings)
        if settings.train.final is not None:  # one run, however many its folds were
            own = replace(own, count=1)
        if settings.run.folds is None and own.count != 1:
            raise ConfigError(
                f"[workers] count = {own.count}: there is one run only. Write folds = all (--folds all), "
                "with seeds = 3 (--seeds 3) if each is to be repeated."
            )
        began = None if folder is None else read_environment(folder).get("threads")
        self.slots = deal_out(
            own,
            settings.run.device,
            experiment.precision.device.type,
            began if isinstance(began, int) else None,
            lambda: fastest_count(experiment),
        )
        torch.set_num_threads(self.slots.threads)
        kept = replace(own, count=1, threads=self.slots.threads)
        tools = {**settings.tools, WorkersSettings.section: kept}
        return replace(experiment, settings=replace(settings, tools=tools))

    def train(self, group: CrossValidation, folder: Path) -> None:
        if self.slots.count == 1:
            group.train(folder)
            return
        settings = group.experiment.settings
        names = [member.name for member in members_of(settings.run)]
        for name in names:
            Record(folder / name).clear()  # whoever goes on with a run tries everything again
        log.info(
            "\n%d workers with %d thread(s) each. From another machine that sees this folder: "
            "python run.py --mode work --run %s",
            self.slots.count, self.slots.threads, folder,
        )  # fmt: skip
        Foreman(folder, names, settings.train.epochs, self.slots, self._arguments(settings, folder)).work()
        refuse_failed(folder, names)
        group.join(folder)

    def _arguments(self, settings: Settings, folder: Path) -> list[str]:
        """Return the command line of a worker: what this process was told of where things are goes along."""
        arguments = ["--mode", "work", "--config", str(folder / CONFIG), "--run", str(folder.absolute())]
        arguments += ["--share", str(self.slots.count)]
        if settings.train.time_limit is not None:
            end = time.time() + settings.train.time_limit.seconds - since_start()
            arguments += ["--deadline", f"{end:.3f}"]
        paths, images = settings.paths, settings.images
        told = {
            "paths.data": paths.data,
            "paths.cache": paths.cache,
            "run.device": settings.run.device,
            "images.store": images.store,
            "images.store_budget": images.store_budget,
        }
        for key, value in told.items():
            arguments += ["--set", f"{key}={as_text(value)}"]
        return arguments


def refuse_failed(folder: Path, names: list[str]) -> None:
    """Say which members were set aside, if any; a run that could not begin goes, as any other.

    Raises:
        ConfigError: no member could begin, by the config; or a DataError.
        ResumableStop: some members failed.
    """
    failures: dict[str, Failure] = {}
    for name in names:
        record = Record(folder / name)
        failure = record.failure
        if failure is not None and failure.is_final and not record.is_finished:
            failures[name] = failure
    if not failures:
        return

    first = next(iter(failures.values()))
    trained = any(any(folder.rglob(name)) for name in ("checkpoints", "metrics.jsonl"))
    alike = len(failures) == len(names) and {one.error for one in failures.values()} == {first.error}
    if alike and not trained and first.code in _KINDS:
        remove_folder(folder)
        raise _KINDS[first.code](first.error.partition(": ")[2])
    lines = "".join(f"\n  {name}: {failure.error}" for name, failure in failures.items())
    raise ResumableStop(
        f"{len(failures)} of {len(names)} members were set aside, so there are no scores of all yet:{lines}\n"
        "Each has its log in its folder. --resume tries them again."
    )
