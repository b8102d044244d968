"""Runs in place of files in [model] pretrained: a run that starts from another one's best weights."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dataset.readers.base import DATASETS
from dataset.tasks.base import Task
from experiment.members import members_of
from experiment.read_settings import written_settings
from experiment.run_folder import CONFIG, find_run, is_run, read_environment
from experiment.settings import Settings
from models.base import MODELS
from train import checkpoint
from utils.convert import as_text
from utils.errors import ConfigError
from utils.ini import Value
from utils.registry import Component

log = logging.getLogger("podium")
_KEY = "pretrained"
_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar", ".npz", ".onnx", ".h5", ".pkl", ".zip")


@dataclass(frozen=True, slots=True)
class Source:
    """A run that weights come from.

    Attributes:
        run: its folder; of one over folds that of a member.
        file: its checkpoint with the weights.
        whole: whether the run was named, not this file of it: then its heads are meant as well.
    """

    run: Path
    file: Path
    whole: bool

    @property
    def settings(self) -> Settings:
        """The run's own config."""
        return _settings_of(self.run)


def sources(settings: Settings) -> list[Source]:
    """Return the runs that [model] pretrained names, by themselves or by a checkpoint of theirs.

    Raises:
        ConfigError: what it names is neither a file nor a finished run with weights.
    """
    named = [_source(settings, path) for path in _named(settings) if isinstance(path, Path)]
    return [source for source in named if source is not None]


def with_files(settings: Settings) -> Component:
    """Return the chosen model, with the file of a run's weights in place of each run that it names."""
    component, named = settings.chosen["model"], _named(settings)
    if not any(isinstance(weights, Path) for weights in named):
        return component
    files = []
    for weights in named:
        source = _source(settings, weights) if isinstance(weights, Path) else None
        files.append(weights if source is None else source.file)
    value = Value(as_text(tuple(files)), component.options[_KEY].origin)
    return replace(component, options={**component.options, _KEY: value})


def load_heads(model: nn.Module, settings: Settings, task: Task, task_of: Callable[[Settings], Task]) -> None:
    """Give a model whose backbone is another run's also that run's heads, where the label spaces are equal.

    Args:
        task_of: makes a config's task.
    """
    runs = sources(settings)
    if len(runs) != 1 or not runs[0].whole or len(_named(settings)) != 1:
        return
    source, wanted = runs[0], model.state_dict()
    kept: dict[str, torch.Tensor] = (checkpoint.load(source.run / "checkpoints", "best") or {})["model"]
    fitting = {name: kept[name] for name in wanted if name in kept and kept[name].shape == wanted[name].shape}
    taken = _equal_spaces(
        task, task_of(source.settings), settings, source.settings, wanted.keys(), fitting, kept
    )

    prefixes = tuple(f"heads.{space}." for space in taken)
    # The same net, so its images are to be the same too.
    if _below("backbone.", wanted) == _below("backbone.", kept):
        prefixes += ("backbone.", "normalise.")
    model.load_state_dict({n: value for n, value in fitting.items() if n.startswith(prefixes)}, strict=False)

    others = [space.name for space in task.spaces if space.name not in taken]
    heads = f"the heads of {', '.join(taken)}" if taken else "no head"
    anew = f"; those of {', '.join(others)} begin anew: labels or layers are others there" if others else ""
    log.info("Starts from %s: backbone and %s%s.", source.run, heads, anew)


def _equal_spaces(
    task: Task, other: Task, here: Settings, there: Settings, wanted: Any, fitting: Any, kept: Any
) -> list[str]:
    """Return the label spaces whose heads mean the same in both runs: all, or each by itself."""
    mine, theirs = ([(s.name, s.kind, s.labels) for s in side.spaces] for side in (task, other))
    if _features(here) != _features(there):  # the heads' last inputs mean something else
        return []
    conditioned = {settings.chosen["conditioning"].name for settings in (here, there)} != {"Independent"}
    equal = [name for name, *_ in (space for space in mine if space in theirs)]
    whole = []
    for name in equal:
        needed, kept_of_it, fitting_of_it = (
            _below(f"heads.{name}.", names) for names in (wanted, kept, fitting)
        )
        if needed == kept_of_it == fitting_of_it:
            whole.append(name)

    if conditioned and (mine != theirs or len(whole) < len(mine)):
        return []
    return whole


def _features(settings: Settings) -> str:
    value = settings.chosen["dataset"].options.get("features")
    return "" if value is None else value.text


def _below(prefix: str, names: Any) -> set[str]:
    return {name for name in names if name.startswith(prefix)}


def _named(settings: Settings) -> tuple[bool | Path, ...]:
    """Return what [model] pretrained names; of a model without that key nothing."""
    value = MODELS.arguments(settings.chosen["model"]).get(_KEY, False)
    return value if isinstance(value, tuple) else (value,)


def _source(settings: Settings, path: Path) -> Source | None:
    """Return the run that a value means; None where it is a file of weights, or can only be one."""
    if path.is_file():
        run = path.absolute().parent.parent
        return Source(run, path, whole=False) if path.parent.name == "checkpoints" and is_run(run) else None
    if not path.exists() and path.suffix.lower() in _FILES:
        return None

    inside = settings.paths.runs / path
    try:
        run = find_run(
            settings.paths.runs,
            settings.run.name,
            str(inside if is_run(inside) and not is_run(path) else path),
            finished=True,
        )
    except ConfigError as error:
        if path.is_dir() and not is_run(path):
            return None
        raise ConfigError(f"[model] pretrained = {path}: there is no such file. {error}") from None

    run = _member(settings, run)
    file = checkpoint.newest(run / "checkpoints", "best")
    if file is None:
        raise ConfigError(
            f"[model] pretrained = {path}: {run} has no weights of its own that can be read (no checkpoint "
            "named best in its folder checkpoints): name another run."
        )
    return Source(run, file, whole=True)


def _member(settings: Settings, run: Path) -> Path:
    """Return the member of a run over folds that held out the same fold, of the same seed if there is one."""
    members = members_of(_settings_of(run).run)
    if not members:
        return run
    fold = _fold(settings)
    fitting = [member for member in members if fold in (None, member.fold)]
    if not fitting:
        there = ", ".join(member.name for member in members)
        raise ConfigError(
            f"[model] pretrained: {run} is a run over folds, and none of its members ({there}) held out fold "
            f"{fold}, which validates here: name one of them to start from it, such as "
            f"{run / members[0].name}."
        )
    best = [member for member in fitting if member.seed == settings.run.seed] or fitting
    return run / best[0].name


def _fold(settings: Settings) -> int | None:
    """Return the fold that validates; None where none does."""
    if settings.train.final is not None:
        return None
    chosen = settings.chosen["dataset"]
    fold: int | None = DATASETS.arguments(chosen).get("valid_fold", 0)
    return fold


def _settings_of(run: Path) -> Settings:
    return written_settings(run / CONFIG)


def started(run: Path) -> dict[str, Any]:
    """Return what a run's folder says of a leak with which it began: nothing, or ``leak``."""
    facts = read_environment(run)
    return {"leak": facts["leak"]} if facts.get("leak") else {}
