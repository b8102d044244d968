"""The whole config: fixed sections as dataclasses, chosen pieces as components of their registries.

``experiment/read_settings.py`` makes it from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_type_hints

from dataset.augmentation.base import AUGMENTATIONS
from dataset.croppers.base import CROPPERS
from dataset.images.depth import Depth
from dataset.images.resident import Where
from dataset.metrics.base import METRICS
from dataset.pseudo.labels import PseudoSettings
from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.samplers.base import SAMPLERS
from dataset.submissions.base import SUBMISSIONS
from dataset.tasks.base import TASKS, Task
from experiment.as_text import component_texts, dataclass_texts
from experiment.metric_settings import MetricSettings
from experiment.section import Section, tool_sections
from experiment.submission_form import SubmissionSettings
from inference.engines.base import ENGINES, EngineName
from inference.views.base import VIEWS
from inference.views.mean_of_views import Average
from loss.base import LOSSES
from loss.class_weights import ClassWeights
from models.base import MODELS
from models.conditionings.base import CONDITIONINGS
from models.cost import Limits
from models.heads.base import HEADS
from schedulers.base import SCHEDULERS
from train.callbacks.base import CALLBACKS
from train.optimizers.base import OPTIMIZERS, Rates
from utils.convert import Count, CountOrZero, Few, Fraction, Name, NonNegative, Positive, Seed, Side, as_text
from utils.device import EvalPrecision, PrecisionName
from utils.duration import Duration
from utils.errors import ConfigError
from utils.ini import Value
from utils.registry import Component, Registry

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Which run this is."""

    name: Name  # its folder: runs/<name>/<version>
    seed: Seed = 42  # of everything random
    split_seed: Seed | None = None  # of the dealing of folds; none = seed
    folds: Literal["all"] | tuple[CountOrZero, ...] | None = None  # each of them validates once
    seeds: Few = 1  # how many runs of each of these folds: with seed, seed + 1, ...
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    # the same bits on every run; no: the fastest kernels of a GPU, whatever their bits
    deterministic: bool = True

    @property
    def dealing_seed(self) -> int:
        """The seed that deals the folds."""
        return self.seed if self.split_seed is None else self.split_seed

    def check(self) -> None:
        """Refuse what no run can be.

        Raises:
            ConfigError: a fold is there twice, or there are seeds without folds.
        """
        if self.folds is None and self.seeds > 1:
            raise ConfigError(
                f"[run] seeds = {self.seeds} repeats each of [run] folds: write folds = all, or folds = 0."
            )
        if isinstance(self.folds, tuple) and len(set(self.folds)) < len(self.folds):
            raise ConfigError(f"[run] folds = {as_text(self.folds)}: a fold is there twice.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """Where things are; PODIUM_DATA, PODIUM_RUNS, ... in the environment or in .env go first."""

    data: Path  # the organiser's folder; never written to
    draw_demo: bool = False  # draw demo data into ``data`` when it does not exist
    runs: Path = Path("runs")  # where each run gets its folder
    cache: Path = Path(".cache")  # prepared images; may be deleted at any time


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """How images are prepared, for training, validation and inference alike."""

    size: tuple[Side, Side]  # height, width that the model sees, pixels
    grey: bool = False  # without colour
    room: Fraction = 0.0  # how much larger the kept images are than ``size``, for random moves
    # Where they are read from: disk, memory, device; plain: device if there is room; compressed: as JPEG on
    # disk; auto: compressed if plain pixels don't fit onto the disk, else plain. A run keeps what auto was.
    store: Where = "auto"
    store_budget: Literal["auto"] | NonNegative = "auto"  # GB on disk; auto: half of what it has free
    depth: Depth = 16  # bits that the values of 16-bit files use; stretch: each image's darkest to brightest
    on_bad_image: Literal["error", "skip"] = "error"  # training images that can't be read, or are damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The training loop."""

    epochs: Count  # passes over the data
    time_limit: Duration | None = None  # of the whole process: the epochs get as many batches as fit into it
    plan: Path | None = None  # the folder of a run that had a time limit: repeats it without the clock
    batch_size: Literal["auto"] | Count = 64  # auto: what the memory holds, 64 * accumulate images a step
    accumulate: Count = 1  # batches per optimiser step
    clip: Positive | None = None  # largest L2 norm of the gradient
    precision: PrecisionName = "auto"  # auto: bfloat16 where that is faster, else float16 or float32
    eval_precision: EvalPrecision = "auto"  # of validation and inference; auto: what is clearly faster
    compile: bool = False  # by torch.compile: minutes at the start, then faster steps
    cuda_graph: bool = True  # on a GPU, start the kernels of a batch all at once: the same bits, faster
    monitor: str = "auto"  # the score that picks the best epoch, or ``loss``; auto: the task's first one
    final: str | None = None  # a finished run: train on all data, for as many epochs as its folds needed

    @property
    def images(self) -> int:
        """How many images a batch has; before auto has found its number, how many it begins with."""
        return 64 if self.batch_size == "auto" else self.batch_size

    @property
    def kept_by(self) -> str:
        """What picks the epoch that is kept; a final fit, which has no scores, keeps its last."""
        return self.monitor if self.final is None else "epoch"


_EAGER = EngineName("Eager")


@dataclass(frozen=True, slots=True, kw_only=True)
class InferSettings:
    """Validation and inference."""

    batch_size: Literal["auto"] | Count = "auto"  # images; auto: by their size and the device
    engine: EngineName = _EAGER  # what predicts: eager, compile or onnxruntime
    views: tuple[str, ...] | None = None  # classes: also predict from these views; not validation
    average: Average = "probabilities"  # or logits: what the mean over the views is of
    on_bad_image: Literal["error", "prior"] = "error"  # eval images; prior: answered by how labels are spread
    check_first: bool = True  # training begins with a look at the eval images and the submission's template


_NO_CLASS_WEIGHTS = ClassWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSettings:
    """Keys that [loss] and each [loss.SPACE] have beside those of the loss."""

    weight: NonNegative = 1.0  # against the other label spaces
    class_weights: ClassWeights = _NO_CLASS_WEIGHTS  # none, balanced, a power between, or effective 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings(Limits):
    """Keys that [model] has beside those of the model."""

    allow_leak: bool = False  # start from a run although it was trained on who validates here


FIXED: dict[str, type[Any]] = {
    "run": RunSettings,
    "paths": PathSettings,
    "images": ImageSettings,
    "train": TrainSettings,
    "infer": InferSettings,
    "pseudo": PseudoSettings,
}
# Sections that choose a class with ``name = ...``, and the class where the section is missing.
CHOSEN: dict[str, tuple[Registry[Any], str | None]] = {
    "task": (TASKS, None),
    "metric": (METRICS, "OfTask"),
    "submission": (SUBMISSIONS, "Template"),
    "dataset": (DATASETS, None),
    "test_dataset": (TEST_DATASETS, "TestDataset"),
    "crop": (CROPPERS, "WholeImage"),
    "sampler": (SAMPLERS, "EveryImage"),
    "augmentation": (AUGMENTATIONS, "BaseAugmentation"),
    "model": (MODELS, None),
    "head": (HEADS, "Linear"),  # or the model's own default
    "conditioning": (CONDITIONINGS, "Independent"),
    "loss": (LOSSES, "CrossEntropy"),
    "optimizer": (OPTIMIZERS, "AdamW"),
    "scheduler": (SCHEDULERS, "CosineAnnealing"),
}
# Sections that may be repeated with a part after a dot, and what the part is. Those of a label space
# say what is different there.
REPEATED = {
    "metric": "CLASS",
    "head": "SPACE",
    "loss": "SPACE",
    "augmentation": "CLASS",
    "callback": "CLASS",
    "view": "CLASS",
}
# Sections that have keys beside those of the class that they choose.
BESIDE: dict[str, type[Any]] = {
    "metric": MetricSettings,
    "submission": SubmissionSettings,
    "model": ModelSettings,
    "loss": LossSettings,
    "optimizer": Rates,
}
# Keys that name a class without options.
NAMED: dict[str, Registry[Any]] = {
    "[infer] engine": ENGINES,
}
# Keys that a section no longer has, and what to write instead.
MOVED = {
    ("images", "crop"): "a section [crop] with name = CentreCrop and size = ...",
    ("images", "crop_centre"): "centre = ... in the section [crop]",
}
# Sections that say where things are, how fast it goes and how it predicts, not what is trained.
HERE = ("paths", "infer", "view", "test_dataset", "submission")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A config that has been checked."""

    run: RunSettings
    paths: PathSettings
    images: ImageSettings
    train: TrainSettings
    infer: InferSettings
    pseudo: PseudoSettings
    tools: Mapping[str, Section]  # by section: those of the rooms in ``tools/``
    chosen: Mapping[str, Component]  # by section; also each [head.SPACE] and [loss.SPACE]
    beside: Mapping[str, Any]  # by section: the keys that are not the chosen class's
    metrics: tuple[Component, ...]  # [metric] and then each [metric.X]: the first one decides
    augmentations: tuple[Component, ...]  # [augmentation] and then each [augmentation.X]
    callbacks: tuple[Component, ...]  # each [callback.X]
    views: Mapping[str, Component]  # by class: those in [infer] views, and each [view.X]

    def resolved(self, task: Task) -> "Settings":
        """Return these settings with what only the task knows: names found in the data, its main score."""
        component, train = self.chosen["task"], self.train
        in_data = {key: Value(text, "the training table") for key, text in task.resolved.items()}
        named = replace(component, options={**component.options, **in_data})
        if train.monitor == "auto":
            train = replace(train, monitor=task.main_scores[0])
        return replace(self, train=train, chosen={**self.chosen, "task": named})

    def of_tool(self, section: type[S]) -> S:
        """Return the section of a tool."""
        return cast(S, self.tools[section.section])

    @property
    def chosen_views(self) -> dict[str, Component]:
        """The views that [infer] names, by class."""
        named = {name.lower() for name in self.infer.views or ()}
        return {name: component for name, component in self.views.items() if name.lower() in named}

    def of_space(self, kind: str, space: str) -> str:
        """Return the section that says what a label space's head or loss is: its own or that of all."""
        section = f"{kind}.{space}"
        return section if section in self.chosen else kind

    def texts(self) -> dict[str, dict[str, str]]:
        """Return every key of the config as text, defaults filled in: what makes the run again."""
        texts = {name: dataclass_texts(getattr(self, name)) for name in FIXED}
        texts |= {name: dataclass_texts(keys) for name, keys in self.tools.items()}

        for name, component in self.chosen.items():
            registry, _ = CHOSEN[name.partition(".")[0]]
            texts[name] = {"name": component.name} | component_texts(registry, component)
        for component in self.metrics[1:]:
            texts[component.section] = component_texts(METRICS, component)
        for name, beside in self.beside.items():
            texts[name] |= dataclass_texts(beside)

        for component in self.augmentations[1:]:
            texts[component.section] = component_texts(AUGMENTATIONS, component)
        for component in self.callbacks:
            texts[component.section] = component_texts(CALLBACKS, component)
        for component in self.views.values():
            texts[component.section] = component_texts(VIEWS, component)
        return texts


def here_sections() -> tuple[str, ...]:
    """Return the sections that say where things are or how a tool works, and nothing of what is trained."""
    return (*HERE, *(name for name, section in tool_sections().items() if section.is_here))


def keys_of(section: type[Any]) -> dict[str, Any]:
    """Return the keys of a fixed section, each with its type."""
    hints = get_type_hints(section, include_extras=True)
    return {f.name: hints[f.name] for f in fields(section)}


def is_here(section: str) -> bool:
    """Tell whether a section says where things are or how it predicts, and nothing of what is trained."""
    return section.partition(".")[0] in here_sections()
