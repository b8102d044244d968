"""Which callbacks a run has, and in which order."""

from dataset.tasks.base import Task
from experiment.metrics import monitor_of
from experiment.settings import Settings, is_here
from train.callbacks.base import CALLBACKS, Callback
from utils.ini import format_ini
from utils.registry import Component

# Callbacks of every run, before and after the config's own: what stops comes first, what keeps the
# finished entry of an epoch comes after everything that adds to it. What tells of an epoch does so in
# ``on_epoch_kept``, whatever its place.
_FIRST = ("FiniteLoss", "Progress")
_LAST = ("Checkpoints", "History", "TimeSplit", "SharedCores", "StopSignals")
_EARLY = ("TrainScores", "RawScores", "Freeze")  # of the config's own: add numbers that the others read


def build_callbacks(settings: Settings, *, task: Task, **offered: object) -> list[Callback]:
    """Return the callbacks of a run in the order in which they are called.

    Args:
        offered: runtime objects that are not made from the settings alone.
    """
    offered |= {
        "task": task,
        "monitor": monitor_of(task, settings.train.kept_by),
        "epochs": settings.train.epochs,
        "config_text": format_ini(settings.texts()),
        "config_values": _of_training(settings),
    }

    chosen = {component.name: component for component in settings.callbacks}
    if settings.train.final is not None:
        chosen = {
            name: component for name, component in chosen.items() if not CALLBACKS.get(name).needs_validation
        }
    middle = sorted(
        (name for name in chosen if name not in _FIRST + _LAST), key=lambda name: name not in _EARLY
    )
    return [
        CALLBACKS.build(chosen.get(name, Component(name)), **offered) for name in (*_FIRST, *middle, *_LAST)
    ]


def _of_training(settings: Settings) -> dict[str, str]:
    """Return the texts of a config by ``section.key``, but for what says where things are, and tools."""
    return {
        f"{section}.{key}": text
        for section, texts in settings.texts().items()
        if section not in settings.tools and not is_here(section)
        for key, text in texts.items()
    }
