"""Going on with a run: as it began, whatever the config says by now of what is trained."""

from dataclasses import replace
from pathlib import Path

from experiment.changes import changes
from experiment.kept_images import with_images_of
from experiment.read_settings import written_settings
from experiment.resolve import as_begun
from experiment.run_folder import CONFIG
from experiment.section import tool_sections
from experiment.settings import Settings, keys_of
from utils.command import quoted
from utils.errors import ConfigError, listed
from utils.shortened import brief

# Keys that a resumed run may change, beside those of tools and the sections in HERE: none changes a result.
_FREE = (
    ("run", "device"),
    ("images", "store_budget"),
    ("train", "cuda_graph"),
    ("pseudo", "images"),
    ("callback.Checkpoints", "minutes"),
    ("callback.Checkpoints", "behind"),
)


def as_it_began(settings: Settings, folder: Path) -> Settings:
    """Return settings for going on with a run: what they leave open is what it was when the run began.

    Raises:
        ConfigError: its images were kept in another way.
    """
    settings = as_begun(_with_its_folds(settings, folder), written_settings(folder / CONFIG))
    return with_images_of(folder, settings)


def free_keys() -> set[tuple[str, str]]:
    """Return the keys that change no result of training."""
    return {*_FREE, *((name, key) for name, section in tool_sections().items() for key in keys_of(section))}


def _with_its_folds(settings: Settings, folder: Path) -> Settings:
    """Return settings with the folds and seeds of a run, where they name none of their own.

    Those of a final fit, with its epochs, are its own whatever the config says.
    """
    whole = written_settings(folder / CONFIG)
    began = whole.run
    if whole.train.final is not None:
        train = replace(settings.train, final=whole.train.final, epochs=whole.train.epochs)
        return replace(settings, run=replace(settings.run, folds=None, seeds=1), train=train)
    if settings.run.folds is not None:
        return settings
    seeds = began.seeds if settings.run.seeds == 1 else settings.run.seeds
    return replace(settings, run=replace(settings.run, folds=began.folds, seeds=seeds))


def refuse_changes(folder: Path, settings: Settings) -> None:
    """A resumed run goes on as it began; only where things are and how fast may differ."""
    problems = [
        "[{}] {} was {} and is now {}".format(change.section, change.key, *brief(change.before, change.after))
        for change in changes(written_settings(folder / CONFIG), settings)
        if (change.section, change.key) not in free_keys()
    ]
    if problems:
        raise ConfigError(
            listed(f"The config, held against that of {folder},", problems)
            + f"\nUndo that, or resume with --config {quoted(folder / 'config.ini')}, or start a new run."
        )
