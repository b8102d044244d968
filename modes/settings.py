"""The whole config: fixed sections as dataclasses, chosen pieces as components of their registries.

``modes/read_settings.py`` makes it from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

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
from utils.convert import Count, CountOrZero, Fraction, NonNegative, Positive
from utils.device import PrecisionName
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
# Sections that may be repeated with a part after a dot, and what the part is.
REPEATED = {"loss": "HEAD", "augmentation": "CLASS", "callback": "CLASS"}
# Sections that say where things are and how fast it goes, not what is trained.
HERE = ("paths", "infer", "test_dataset")


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
