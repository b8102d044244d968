"""``[workers]``: the members of a run over folds by several processes of this machine."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from experiment.assemble import Experiment
from experiment.crew import CREWS, Crew, PartedWork
from experiment.cross_validation import CrossValidation
from experiment.members import members_of
from experiment.run_folder import read_environment
from experiment.section import Section
from experiment.settings import Settings
from tools.workers.foreman import Foreman
from tools.workers.members import Members
from tools.workers.record import Failure, MemberRecord
from tools.workers.settings import WorkersSettings
from tools.workers.slots import deal_out
from tools.workers.starter import PROCESSES, STARTERS, Slots, Starter
from tools.workers.timing import fastest_count
from utils.durable import remove_folder
from utils.errors import ConfigError, DataError, ResumableStop

log = logging.getLogger("podium")
_KINDS: dict[int, type[ConfigError] | type[DataError]] = {2: ConfigError, 3: DataError}


@CREWS.register
class Workers(Crew):
    """Processes of this machine or of a cluster, and whoever helps from elsewhere with ``--mode work``."""

    def __init__(self) -> None:
        self.slots = Slots(1, 1)
        self._starter: Starter

    @property
    def workers(self) -> int:  # type: ignore[override]
        return self.slots.count

    @classmethod
    def wanted(cls, settings: Settings) -> bool:
        return settings.run.folds is not None or settings.of_tool(WorkersSettings) != WorkersSettings()

    def prepare(self, experiment: Experiment, folder: Path | None) -> Experiment:
        """Deal out the machine. The kept config has the threads of each member, and one worker."""
        settings = experiment.settings
        section = settings.of_tool(WorkersSettings)
        if settings.train.final is not None:  # one run, however many its folds were
            section = replace(section, count=1, starter=PROCESSES)
        if settings.run.folds is None and (section.count != 1 or section.starter != PROCESSES):
            raise ConfigError(
                f"[workers] {_asked(section)}: there is one run only. Write folds = all (--folds all), "
                "with seeds = 3 (--seeds 3) if each is to be repeated."
            )
        tools = {**settings.tools, WorkersSettings.section: section}
        experiment = replace(experiment, settings=replace(settings, tools=tools))
        began = None if folder is None else read_environment(folder).get("threads")
        return self.deal_out(experiment, began if isinstance(began, int) else None)

    def deal_out(self, experiment: Experiment, began: int | None) -> Experiment:
        settings = experiment.settings
        section = settings.of_tool(WorkersSettings)
        # Then they are trained one after another, as without workers.
        if section == replace(WorkersSettings(), per_gpu=section.per_gpu):
            return experiment

        kind, fastest = experiment.precision.device.type, partial(fastest_count, experiment)
        here = section if section.starter == PROCESSES else replace(section, count=1)
        starter = STARTERS.get(section.starter.name)(settings)
        self.slots = starter.slots(deal_out(here, settings.run.device, kind, began, fastest), began)
        self.several = self.slots.count > 1 or section.starter != PROCESSES
        self._starter = starter
        torch.set_num_threads(self.slots.threads)
        kept = replace(section, count=1, threads=self.slots.threads, starter=PROCESSES)
        tools = {**settings.tools, WorkersSettings.section: kept, **_of_no_engine()}
        return replace(experiment, settings=replace(settings, tools=tools))

    def train(self, group: CrossValidation, folder: Path) -> None:
        settings = group.experiment.settings
        names = [member.name for member in members_of(settings.run)]
        for name in names:
            MemberRecord(folder / name).clear()  # whoever goes on with a run tries everything again
        if not self.several:
            group.train(folder)
            return

        dataset, _ = next(iter(group.data.values()))
        count = min(self.slots.count, len(names))
        log.info(
            "\n%d worker%s with %d thread(s) each. From another machine that sees this folder: "
            "python run.py --mode work --run %s",
            count, "" if count == 1 else "s", self.slots.threads, folder,
        )  # fmt: skip
        self.do(Members(folder, names, settings, len(dataset.files), count), settings)
        refuse_failed(folder, names)
        group.join(folder)

    def do(self, work: PartedWork, settings: Settings) -> None:
        Foreman(work, self.slots, self._starter).run()


def _of_no_engine() -> dict[str, Section]:
    """Return the sections of all engines as they are without a config: a run does not keep who trained it."""
    sections = [starter.section for starter in map(STARTERS.get, STARTERS.names())]
    return {section.section: section() for section in sections if section is not None}


def _asked(section: WorkersSettings) -> str:
    return f"count = {section.count}" if section.count != 1 else f"starter = {section.starter}"


def refuse_failed(folder: Path, names: list[str]) -> None:
    """Say which members were set aside, if any; a run that could not begin goes, as any other.

    Raises:
        ConfigError: no member could begin, by the config; or a DataError.
        ResumableStop: some members failed.
    """
    failures: dict[str, Failure] = {}
    for name in names:
        record = MemberRecord(folder / name)
        failure = record.failure
        if failure is not None and failure.is_final and not record.is_finished:
            failures[name] = failure
    if not failures:
        return

    first = next(iter(failures.values()))
    trained = any(any(folder.rglob(name)) for name in ("checkpoints", "metrics.jsonl"))
    alike = len(failures) == len(names) and {failure.error for failure in failures.values()} == {first.error}
    if alike and not trained and first.code in _KINDS:
        remove_folder(folder)
        raise _KINDS[first.code](first.error.partition(": ")[2])
    lines = "".join(f"\n  {name}: {failure.error}" for name, failure in failures.items())
    raise ResumableStop(
        f"{len(failures)} of {len(names)} members were set aside, so there are no scores of all yet:{lines}\n"
        "Each has its log in its folder. --resume tries them again."
    )
