"""The whole config: fixed sections as dataclasses, chosen pieces as components of their registries."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_type_hints

from dotenv import dotenv_values

from dataset.augment import AUGMENTATIONS
from dataset.base_dataset import DATASETS
from dataset.readers.test_dataset import TEST_DATASETS
from dataset.sampler import SAMPLERS
from dataset.task import TASKS
from loss.base import LOSSES
from loss.class_weights import ClassWeights
from models.classifier import MODELS
from schedulers.base import SCHEDULERS
from train.callback import CALLBACKS
from train.optimizer import OPTIMIZERS
from utils.convert import Count, CountOrZero, Fraction, NonNegative, Positive, convert
from utils.device import PrecisionName
from utils.errors import ConfigError, listed, unknown_name
from utils.ini import Section, Sections, Value, override, put, read_ini
from utils.registry import Component, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Which run this is."""

    name: str  # its folder: runs/<name>/<version>
    seed: CountOrZero = 42  # of everything random
    device: str = "auto"  # auto, cpu, cuda, cuda:1


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """Where things are; PODIUM_DATA, PODIUM_RUNS, ... in the environment or in .env go first."""

    data: Path  # the organiser's folder; never written to
    draw_demo: bool = False  # draw demo data into ``data`` when it does not exist
    runs: Path = Path("runs")
    cache: Path = Path(".cache")  # prepared images; may be deleted at any time


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """How images are prepared, for training, validation and inference alike."""

    size: tuple[Count, Count]  # height, width that the model sees, pixels
    crop: tuple[Count, Count] | None = None  # height, width of the part that is kept, pixels of the file
    crop_centre: tuple[Fraction, Fraction] = (
        0.5,
        0.5,
    )  # where its middle lies, of height and width
    room: Fraction = 0.0  # how much larger the kept images are than ``size``, for random moves
    store_budget: NonNegative = 30.0  # GB on disk; with less, images are decoded anew each time
    on_bad_image: Literal["error", "skip"] = "error"  # training images that can't be read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The training loop."""

    epochs: Count
    batch_size: Count = 64
    accumulate: Count = 1  # batches per optimiser step
    clip: Positive | None = None  # largest L2 norm of the gradient
    precision: PrecisionName = "auto"
    monitor: str = "macro_f1"  # the score that picks the best epoch, or ``loss``


@dataclass(frozen=True, slots=True, kw_only=True)
class InferSettings:
    """Validation and inference."""

    batch_size: Count = 128


_NO_CLASS_WEIGHTS = ClassWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """Keys that [loss] and each [loss.HEAD] have beside those of the loss."""

    weight: NonNegative = 1.0  # against the other heads
    class_weights: ClassWeights = _NO_CLASS_WEIGHTS  # none, balanced, or a power between, such as 0.5


FIXED: dict[str, type[Any]] = {
    "run": RunSettings,
    "paths": PathSettings,
    "images": ImageSettings,
    "train": TrainSettings,
    "infer": InferSettings,
}
# Sections that choose a class with ``name = ...``, and the class where the section is missing.
CHOSEN: dict[str, tuple[Registry[Any], str | None]] = {
    "task": (TASKS, None),
    "dataset": (DATASETS, None),
    "test_dataset": (TEST_DATASETS, "TestDataset"),
    "sampler": (SAMPLERS, "EveryImage"),
    "augmentation": (AUGMENTATIONS, "BaseAugmentation"),
    "model": (MODELS, None),
    "loss": (LOSSES, "CrossEntropy"),
    "optimizer": (OPTIMIZERS, "AdamW"),
    "scheduler": (SCHEDULERS, "CosineAnnealing"),
}
REPEATED = {"loss": "HEAD", "augmentation": "CLASS", "callback": "CLASS"}  # [loss.age], ...
HERE = (
    "paths",
    "infer",
    "test_dataset",
)  # sections that say where and how fast, not what was trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A config that has been checked."""

    run: RunSettings
    paths: PathSettings
    images: ImageSettings
    train: TrainSettings
    infer: InferSettings
    chosen: Mapping[str, Component]  # by section
    augmentations: tuple[Component, ...]  # [augmentation] and then each [augmentation.X]
    head_losses: Mapping[str, Component]  # [loss.HEAD] by head
    heads: Mapping[str, HeadSettings]  # of [loss] under "", and of each [loss.HEAD]
    callbacks: tuple[Component, ...]  # each [callback.X]
    sections: Sections = field(repr=False)

    def texts(self) -> dict[str, dict[str, str]]:
        """Return every key of the config as text, defaults filled in: what makes the run again."""
        texts = {name: _dataclass_texts(getattr(self, name)) for name in FIXED}
        for name, component in self.chosen.items():
            texts[name] = {"name": component.name} | _component_texts(CHOSEN[name][0], component)
        texts["loss"] |= _dataclass_texts(self.heads[""])
        for component in self.augmentations[1:]:
            texts[component.section] = _component_texts(AUGMENTATIONS, component)
        for head, component in self.head_losses.items():
            texts[f"loss.{head}"] = {"name": component.name} | _component_texts(LOSSES, component)
            texts[f"loss.{head}"] |= _dataclass_texts(self.heads[head])
        for component in self.callbacks:
            texts[component.section] = _component_texts(CALLBACKS, component)
        return texts


def read_sections(path: Path, overrides: Sequence[str] = ()) -> Sections:
    """Return a config file's sections with the environment's paths and ``--set`` over them."""
    sections = read_ini(path)
    environment = {**dotenv_values(".env"), **os.environ}
    for key in (f.name for f in fields(PathSettings)):
        variable = f"PODIUM_{key.upper()}"
        if environment.get(variable):
            put(
                sections,
                "paths",
                key,
                Value(str(environment[variable]), f"{variable} in the environment or .env"),
            )
            if key == "data":  # whoever names a folder means that folder, not a drawn one
                put(sections, "paths", "draw_demo", Value("no", variable))
    override(sections, overrides, choosing=CHOSEN)
    return sections


def check(sections: Sections, source: str) -> Settings:
    """Return the settings.

    Raises:
        ConfigError: lists every unknown section, key, class and value of the config, each with its
            place and the nearest valid name.
    """
    problems: list[str] = []
    valid = [*FIXED, *CHOSEN, *(f"{kind}.{what}" for kind, what in REPEATED.items())]
    for name, section in sections.items():
        kind, _, part = name.partition(".")
        if name not in valid and not (part and kind in REPEATED):
            problems.append(f"{unknown_name('section', name, valid)} ({section.place})")
    fixed = {name: _fixed(name, cls, sections.get(name), problems) for name, cls in FIXED.items()}
    heads: dict[str, HeadSettings] = {}
    chosen = {
        name: _chosen(name, sections, registry, default, heads, problems)
        for name, (registry, default) in CHOSEN.items()
    }
    parts: dict[str, list[Component]] = {kind: [] for kind in REPEATED}
    for name, section in sections.items():
        kind, _, part = name.partition(".")
        if not part or kind not in parts:
            continue
        if kind == "loss":
            default = chosen["loss"].name if chosen["loss"] else None
            found = _chosen(name, sections, LOSSES, default, heads, problems)
        else:
            registry = AUGMENTATIONS if kind == "augmentation" else CALLBACKS
            found = Component(part, section.values, name, section.place)
            problems += registry.problems(found)
        if found:
            parts[kind].append(found)
    if problems:
        raise ConfigError(listed(source, problems))
    named = {name: component for name, component in chosen.items() if component}
    return Settings(
        **fixed,
        chosen=MappingProxyType(named),
        augmentations=(named["augmentation"], *parts["augmentation"]),
        head_losses={c.section.partition(".")[2]: c for c in parts["loss"]},
        heads=heads,
        callbacks=tuple(parts["callback"]),
        sections=sections,
    )


def _fixed(name: str, cls: type[Any], section: Section | None, problems: list[str]) -> Any:
    section = section or Section(name, "the whole file")
    before = len(problems)
    values = _converted(name, cls, section.values, problems)
    missing = {f.name for f in fields(cls) if f.default is f.default_factory} - section.values.keys()
    problems += [f"[{name}] needs '{key} = ...' ({section.place})" for key in sorted(missing)]
    return cls(**values) if len(problems) == before else None


def _converted(name: str, cls: type[Any], texts: Mapping[str, Value], problems: list[str]) -> dict[str, Any]:
    """Return the values of a dataclass's fields; what does not fit goes to ``problems``."""
    hints = get_type_hints(cls, include_extras=True)
    values: dict[str, Any] = {}
    for key, value in texts.items():
        if key not in hints:
            problems.append(f"[{name}] {unknown_name('key', key, hints)} ({value.place})")
            continue
        try:
            values[key] = convert(value.text, hints[key])
        except ValueError as error:
            problems.append(f"[{name}] {key}: {error} ({value.place})")
    return values


def _chosen(
    name: str,
    sections: Sections,
    registry: Registry[Any],
    default: str | None,
    heads: dict[str, HeadSettings],
    problems: list[str],
) -> Component | None:
    section = sections.get(name, Section(name, "the whole file"))
    options = dict(section.values)
    named = options.pop("name", Value(default, section.place) if default else None)
    if named is None:
        problems.append(
            f"[{name}] needs 'name = ...', one of {', '.join(registry.names())} ({section.place})"
        )
        return None
    if registry is LOSSES:
        of_head = {f.name: options.pop(f.name) for f in fields(HeadSettings) if f.name in options}
        general = heads.get("", HeadSettings())
        changed = _converted(name, HeadSettings, of_head, problems)
        heads[name.partition(".")[2]] = replace(general, **changed)
    component = Component(named.text, options, name, named.place)
    problems += registry.problems(component)
    return component


def _dataclass_texts(settings: Any) -> dict[str, str]:
    return {f.name: _text(getattr(settings, f.name)) for f in fields(settings)}


def _component_texts(registry: Registry[Any], component: Component) -> dict[str, str]:
    return {
        key: component.options[key.lower()].text
        if key.lower() in component.options
        else _text(parameter.default)
        for key, parameter in registry.schema(component.name).items()
    }


def _text(value: object) -> str:
    """Return a value as ``convert`` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return str(value)
