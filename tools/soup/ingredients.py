"""The runs that a soup is made of: their weights, and what any mean of them predicts."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.assemble import Experiment, assemble_training
from experiment.changes import changes
from experiment.data import build_task
from experiment.finished_run import check_validated, finished_run
from experiment.made_run import refuse_made
from experiment.metrics import monitor_of
from experiment.one_run import refuse_other_data
from experiment.run_config import run_settings
from experiment.settings import Settings
from inference.predict import Predictions
from inference.saved import SPLIT, Validated, refuse_changed
from tools.soup.weights import greedy, mean_weights
from train.callbacks.batch_norm import measure_batch_norms
from train.trainer import Trainer
from utils.csv_records import read_text
from utils.errors import ConfigError, listed
from utils.seeds import numpy_generator

log = logging.getLogger("podium")
NESTED_SEED = 0  # of the halves of the people
_SEEN = (("images", "size"), ("images", "grey"))  # what a model is used to, beside the section [crop]
_MADE_BY = ("model", "head", "conditioning", "task")  # sections that may say why weights differ
Chosen = tuple[int, ...]  # positions in ``Ingredients.folders``, ascending
ImageRows = NDArray[np.int64]  # which of the images


@dataclass(slots=True)
class Ingredients:
    """Finished runs, each with its weights, and the images that all validated and none was trained on."""

    folders: list[Path]
    experiment: Experiment
    data: str  # fingerprint
    dataset: BaseDataset
    trainer: Trainer  # has what measures and validates a model
    kept: list[dict[str, Tensor]]  # the weights of each run's best epoch
    split: str | None  # the text of their split.csv; None: not all validated the same images
    _answers: dict[Chosen, Predictions] = field(default_factory=dict)
    _weights: dict[Chosen, dict[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def of(cls, folders: Sequence[Path], overrides: Sequence[str]) -> "Ingredients":
        """Return the runs of these folders, whatever their order.

        Raises:
            ConfigError: one is there twice or has other weights, or there is no image that all validated.
            DataError: the data is no longer what they were trained on.
        """
        folders = sorted(folders)
        if len({folder.resolve() for folder in folders}) < len(folders):
            raise ConfigError(f"A run is there twice: {', '.join(map(str, folders))}")

        settings = [_settings(folder, overrides) for folder in folders]
        kept = [finished_run(folder)["model"] for folder in folders]
        _refuse_others(folders, settings, kept)
        experiment = Experiment.of(settings[0])

        # Only images that no ingredient was trained on say what their mean is worth.
        ids = [set(Validated.read(folder, experiment.task.spaces).ids) for folder in folders]
        shared = set.intersection(*ids)
        if not shared:
            raise ConfigError(
                f"No image was validated by all of {', '.join(map(str, folders))}, so each was in the "
                "training of some of them, and nothing is left to score their mean. A soup is of runs with "
                "the same fold."
            )

        split = _split(folders[0]) if set.union(*ids) == shared else None
        log.info("Images of: %s", settings[0].paths.data.absolute())
        dataset, source = experiment.training_data()
        data = dataset.fingerprint()
        refuse_other_data(folders[0], data)
        names = dataset.names
        rows = np.array([row for row in dataset.valid_rows.tolist() if names[row] in shared], dtype=np.int64)
        dataset.valid_rows = dataset.whole_cases(rows, dataset.valid_rows)
        trainer = assemble_training(experiment, folders[0], dataset, source, fresh=False)
        return cls(folders, experiment, data, dataset, trainer, kept, split)

    @property
    def task(self) -> Task:
        return self.experiment.task

    @property
    def ids(self) -> list[tuple[str, str, str]]:
        """File, fold and group of each image."""
        dataset, names = self.dataset, self.dataset.names
        rows = dataset.first_images(dataset.valid_rows).tolist()
        return [(names[row], str(dataset.folds[row]), dataset.groups[row]) for row in rows]

    @property
    def groups(self) -> list[str]:
        return [group for *_, group in self.ids]

    def weights(self, chosen: Chosen) -> dict[str, Tensor]:
        """Return the mean of some runs' weights, with batch-norm statistics measured for it."""
        if len(chosen) == 1:
            return self.kept[chosen[0]]
        if chosen not in self._weights:
            model = self._model(mean_weights([self.kept[number] for number in chosen]))
            trainer, precision = self.trainer, self.experiment.precision
            model.train()
            batches, augmenter = trainer.batches, trainer.augmenter
            measure_batch_norms(model, batches, augmenter, precision, 0, len(batches), purpose="soup")
            model.eval()
            self._weights[chosen] = {name: value.clone() for name, value in model.state_dict().items()}
        return self._weights[chosen]

    def answer(self, chosen: Chosen) -> Predictions:
        """Return what the mean of some runs' weights predicts for the images."""
        if chosen not in self._answers:
            _, predictions = self.trainer.validator.run(self._model(self.weights(chosen)))
            if predictions is None:
                raise ConfigError("There is no image to validate a soup on.")
            self._answers[chosen] = predictions
        return self._answers[chosen]

    def scores(self, chosen: Chosen, rows: ImageRows | None = None) -> dict[str, float]:
        """Return all scores and the loss on the images, or on some of them."""
        predictions = self.answer(chosen)
        kept = torch.arange(len(predictions.rows)) if rows is None else torch.from_numpy(rows)
        logits, targets = _at(predictions.logits, kept), _at(predictions.targets, kept)
        with torch.inference_mode():
            device = self.experiment.precision.device
            loss = self.trainer.validator.criterion(_on(device, logits), _on(device, targets))
        return {"loss": float(loss)} | self.task.scores(logits, targets)

    def greedy(self, rows: ImageRows | None = None) -> Chosen:
        """Return the greedy soup, chosen by the monitored score on the images, or on some of them."""
        return greedy(self._order(rows), lambda tried: self._value(tried, rows))

    def best_single(self, rows: ImageRows | None = None) -> Chosen:
        """Return the run with the best monitored score on the images, or on some of them."""
        return (self._order(rows)[0],)

    def nested(self, choose: Callable[[ImageRows], Chosen]) -> Predictions:
        """Return predictions for each half of the people by what was chosen on the other half."""
        groups = np.asarray(self.groups)
        names = numpy_generator("soup", NESTED_SEED).permutation(np.unique(groups))
        first = np.isin(groups, names[: len(names) // 2])
        halves = np.flatnonzero(first), np.flatnonzero(~first)
        logits: dict[str, Tensor] = {}
        for scored, chosen_on in (halves, halves[::-1]):
            predictions = self.answer(choose(chosen_on))
            for name, values in predictions.logits.items():
                logits.setdefault(name, torch.empty_like(values))[scored] = values[scored]
        return replace(predictions, logits=logits)

    def _order(self, rows: ImageRows | None) -> list[int]:
        """Return the runs from the best down; of equals, in the order of their folders."""
        return sorted(range(len(self.folders)), key=lambda number: -self._value((number,), rows))

    def _value(self, chosen: Chosen, rows: ImageRows | None) -> float:
        monitor = monitor_of(self.task, self.experiment.settings.train.monitor)
        return monitor.value(self.scores(chosen, rows))

    def _model(self, weights: dict[str, Tensor]) -> nn.Module:
        model = self.trainer.state.model
        model.load_state_dict(weights)
        return model


def _at(tensors: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in tensors.items()}


def _on(device: torch.device, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.to(device) for name, values in tensors.items()}


def _split(folder: Path) -> str:
    """Return the text of a run's split.csv.

    Raises:
        DataError: it is not there, can't be read or was changed.
    """
    text = read_text(folder / SPLIT)
    refuse_changed(folder / SPLIT)
    return text.replace("\r\n", "\n")  # which git may have put there


def _settings(folder: Path, overrides: Sequence[str]) -> Settings:
    refuse_made(folder, "name runs that were trained")
    check_validated(folder)
    settings = run_settings(folder, overrides)
    if settings.run.folds is not None:
        raise ConfigError(
            f"{folder} is a run over folds, whose members share no validation image: name runs of the same "
            f"fold, such as {folder}/fold-0 and fold 0 of another one."
        )
    return settings


def _refuse_others(folders: list[Path], settings: list[Settings], kept: list[dict[str, Tensor]]) -> None:
    """Refuse runs whose weights have no mean with the first one's.

    Raises:
        ConfigError: lists what differs.
    """
    problems = []
    for folder, other, weights in zip(folders[1:], settings[1:], kept[1:], strict=True):
        unlike = _unlike(kept[0], weights)
        problems += [
            f"{folder}: [{change.section}] {change.key} is {change.after}, not {change.before}"
            for change in changes(settings[0], other)
            if (change.section, change.key) in _SEEN
            or change.section == "crop"
            or (unlike and change.section.partition(".")[0] in _MADE_BY)
        ]

        if _labels(other) != _labels(settings[0]):
            problems.append(f"{folder}: its labels are others, or in another order")
        problems += [f"{folder}: {line}" for line in unlike]
    if problems:
        raise ConfigError(listed(f"The mean of weights, with {folders[0]} as the first,", problems))


def _labels(settings: Settings) -> list[tuple[str, tuple[str, ...]]]:
    return [(space.name, space.labels) for space in build_task(settings).spaces]


def _unlike(first: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Return how the tensors of two models differ: at most a few, and how many more."""
    lines = [f"it has no tensor {name}" for name in first if name not in other]
    lines += [f"only it has a tensor {name}" for name in other if name not in first]
    for name in first.keys() & other.keys():
        wanted, shape = tuple(first[name].shape), tuple(other[name].shape)
        if shape != wanted:
            lines.append(f"{name} is {shape}, not {wanted}")
        elif name.startswith("normalise.") and not torch.equal(first[name], other[name]):
            lines.append(f"{name} differs: it is used to images of another mean and deviation")
    return sorted(lines)[:3] + ([f"... and {len(lines) - 3} more tensors"] if len(lines) > 3 else [])
