"""Keys of a config that name a run beside those that are looked up where they are used."""

from dataclasses import replace
from pathlib import Path

from dataset.pseudo.labels import NAME
from experiment.members import members_of
from experiment.read_settings import written_settings
from experiment.run_folder import CONFIG, find_run
from experiment.settings import Settings


def with_found_runs(settings: Settings) -> Settings:
    """Return settings in which [train] plan and [pseudo] labels are paths, also where they name a run.

    Raises:
        ConfigError: there is no such run.
    """
    train, pseudo = settings.train, settings.pseudo
    if train.plan is not None and not (train.plan.is_absolute() or train.plan.is_dir()):
        settings = replace(settings, train=replace(train, plan=_find(settings, train.plan)))
    if pseudo.labels is not None and pseudo.labels.suffix != ".csv":
        labels = _labels(_find(settings, pseudo.labels))
        settings = replace(settings, pseudo=replace(pseudo, labels=labels))
    return settings


def _find(settings: Settings, which: Path) -> Path:
    return find_run(settings.paths.runs, settings.run.name, str(which), finished=True)


def _labels(folder: Path) -> Path:
    """Return the labels that a run made; those of a run over folds are another file for each fold."""
    members = members_of(written_settings(folder / CONFIG).run)
    if not members:
        return folder / NAME
    first = members[0]
    return folder / first.name.replace(f"fold-{first.fold}", "fold-{fold}") / NAME
