"""One run from its first step, or from where it stopped, to its scores."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dataset.images.store import ImageSource
from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.assemble import Experiment, assemble_training
from experiment.finish import finish, finish_final
from experiment.kept import restore, state_to_resume
from experiment.metrics import monitor_of
from experiment.report import report
from experiment.run_folder import read_environment, warn_of_other_bits, write_environment
from experiment.settings import Settings
from experiment.time_limit import follow_plan, keep_time
from models.checks import explain_small_batches
from train.callbacks.base import Callback
from train.time_limit.keeper import TimeKeeper
from train.trainer import Trainer
from utils import signals
from utils.device import Precision
from utils.device_errors import explained
from utils.durable import remove_folder, write_text
from utils.errors import ConfigError, DataError
from utils.ini import format_ini

log = logging.getLogger("podium")


def write_beginning(
    folder: Path,
    settings: Settings,
    precision: Precision,
    data: object,
    start: Mapping[str, Any] | None = None,
) -> None:
    """Write what makes a folder a run that can be resumed.

    Args:
        data: the fingerprint of its data.
        start: what is known of the runs whose weights it starts from.
    """
    write_text(folder / "config.ini", format_ini(settings.texts()))
    facts = {"seed": settings.run.seed, "data": data, **precision.facts()}
    write_environment(folder, facts | dict(start or {}))


def refuse_other_data(folder: Path, data: object) -> None:
    """Raise a DataError unless ``data`` is the fingerprint with which a run began."""
    if read_environment(folder).get("data") != data:
        raise DataError(
            f"The training data is no longer what {folder} began with (files, labels or split). "
            "Bring it back, or start a new run."
        )


def train_run(
    experiment: Experiment,
    folder: Path,
    dataset: BaseDataset,
    source: ImageSource,
    *,
    whole: Path | None,
    until: float | None = None,
    more: Sequence[Callback] = (),
) -> None:
    """Train the run of a folder, from its last checkpoint if there is one, and write its scores.

    Args:
        whole: the folder that goes if its first run can't even begin; as a rule the run's own. None: none.
        until: when the run has to be complete, in seconds since the process's start.
        more: callbacks beside those of the config; they come last.
    """
    refuse_other_data(folder, dataset.fingerprint())
    settings, task = experiment.settings, experiment.task
    saved = state_to_resume(folder, monitor_of(task, settings.train.kept_by))

    try:
        trainer = assemble_training(experiment, folder, dataset, source, fresh=saved is None)
        keeper = _paced(settings, task, folder, dataset, trainer, until, resumed=saved is not None)
    except (ConfigError, DataError):
        _remove_untrained(whole)
        raise
    trainer.callbacks = [*trainer.callbacks, *more]

    report(task, experiment.prepare, folder, dataset, source)
    if saved is not None:
        restore(trainer.state, saved, folder)
        epoch, batch = trainer.state.epoch, trainer.state.batch
        log.info("Resumed %s after epoch %d, batch %d.", folder, epoch, batch)
        warn_of_other_bits(folder, experiment.precision.facts())

    with _refusing_late(trainer, whole):
        trainer.fit()
        signals.stop_if_asked()  # one that came after the last epoch was kept

    if settings.train.final is not None:
        finish_final(settings, task, folder, trainer)
    else:
        known = None if keeper is None else keeper.best
        model = partial(experiment.model, fresh=False)
        finish(settings, task, folder, dataset, trainer, model, known)


def _paced(
    settings: Settings,
    task: Task,
    folder: Path,
    dataset: BaseDataset,
    trainer: Trainer,
    until: float | None,
    *,
    resumed: bool,
) -> TimeKeeper | None:
    """Let a trainer repeat a plan, or be complete in time; return what keeps the time, if something does."""
    if settings.train.plan is not None:
        follow_plan(trainer, folder, settings.train.plan)
        return None
    if until is None:
        return None
    monitor = monitor_of(task, settings.train.monitor)
    return keep_time(task, monitor, folder, dataset, trainer, until, resumed=resumed)


@contextmanager
def _refusing_late(trainer: Trainer, whole: Path | None) -> Iterator[None]:
    """Explain what only the first step shows to be wrong; it leaves no run to resume."""
    batches, device = trainer.batches, trainer.passes.precision.device
    half = max(1, batches.batch_size // 2)
    advice = (
        f"Write [train] batch_size = {half} and accumulate = {2 * trainer.batches.accumulate}, "
        "[model] gradient_checkpointing = yes, or [images] store = disk."
    )

    try:
        with (
            explained(device, f"Training steps of batch_size = {batches.batch_size} images", advice),
            explain_small_batches(),
        ):
            yield
    except ConfigError:
        _remove_untrained(whole)
        raise


def _remove_untrained(whole: Path | None) -> None:
    # Checkpoints alone may have been deleted, of folds that are finished.
    if whole is not None and not any(any(whole.rglob(name)) for name in ("checkpoints", "metrics.jsonl")):
        remove_folder(whole)
