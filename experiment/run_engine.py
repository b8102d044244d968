"""Gives a finished run the engine that its config names, and writes its ONNX file."""

import hashlib
import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dataset.batches import EvalBatches
from dataset.croppers.base import CROPPERS
from dataset.readers.eval_base import EvalDataset
from dataset.readers.features import Features, FeatureTable
from dataset.tasks.spaces import AnyOf
from experiment.assemble import Experiment
from experiment.data import training_table
from experiment.eval_data import eval_batches, eval_data
from experiment.features import features_of
from inference.engines.base import ENGINES, Engine, check_difference, largest_difference
from inference.engines.onnx_file import as_metadata, metadata_of, write_onnx
from inference.engines.onnx_runtime import OnnxRuntime
from inference.predict import Predictions, predict
from inference.saved import refuse_changed, was_written
from inference.scores_file import read_scores
from models.normalise import Normalise
from utils.device import Precision
from utils.durable import sha256_of, write_durably
from utils.errors import DataError
from utils.on_disk import on_disk
from utils.tables import read_table

log = logging.getLogger("podium")
FILE = "model.onnx"
_SAMPLE = 128  # images that an engine is checked on, at most


def check_engine(experiment: Experiment) -> None:
    """Refuse an engine that can't run here, before an image is read.

    Raises:
        ConfigError: says what to install or to write.
    """
    ENGINES.get(experiment.settings.infer.engine.name).check(experiment.precision.device)


def with_engine(model: nn.Module, experiment: Experiment, folder: Path, out: Path) -> Engine:
    """Return what runs the model of a finished run as [infer] engine says, checked against the model.

    Args:
        out: where an ONNX file is written if the run has none; as a rule its folder.

    Raises:
        ConfigError: the engine can't run this model, or gives other probabilities.
    """
    sample = Sample(model, experiment, folder, out)
    engine = ENGINES.build(
        experiment.settings.infer.engine.component,
        model=model,
        batch_size=experiment.eval_batch_size,
        onnx_file=lambda: _onnx_file(sample),
    )
    if not engine.exact:
        log.info("Engine: %s", sample.compared_with(engine))
    return engine


class Sample:
    """Some of a finished run's own validation images, and what its model says of them."""

    def __init__(self, model: nn.Module, experiment: Experiment, folder: Path, out: Path) -> None:
        self.model, self.folder, self.out = model, folder, out
        plain = replace(experiment.settings.infer, views=None)  # the model is asked about the middle only
        self.experiment = replace(experiment, settings=replace(experiment.settings, infer=plain))

    def compared_with(self, engine: Engine) -> str:
        """Return by how much an engine differs from the model, in words.

        Raises:
            ConfigError: it differs by more than rounding.
        """
        (batches, what), task = self._images, self.experiment.task
        difference = largest_difference(
            task, self._exact, self._predict(engine, self.experiment.eval_precision)
        )
        name, count = type(engine).__name__.lower(), f"{len(batches.rows)} {what} images"
        check_difference(difference, f"engine = {name} on {count}", self._rounding)
        numeric = [space.numeric for space in task.spaces]
        share, chance = "as a share of the largest number", "in a probability"
        where = share if all(numeric) else f"{chance}, or {share}" if any(numeric) else chance
        return f"{name} differs from PyTorch by at most {difference:.1e} {where}, on {count}."

    @cached_property
    def _exact(self) -> Predictions:
        """What the model says in float32: half precision is as far from it as an engine may be from both."""
        return self._predict(self.model, replace(self.experiment.precision, dtype=torch.float32))

    @cached_property
    def _rounding(self) -> float:
        """By how much the model itself differs from that in the run's own precision."""
        precision = self.experiment.eval_precision
        if precision.dtype == torch.float32:
            return 0.0
        return largest_difference(self.experiment.task, self._exact, self._predict(self.model, precision))

    def _predict(self, model: nn.Module, precision: Precision) -> Predictions:
        return predict(model, self._images[0], precision, what="Checking the engine")

    @cached_property
    def _images(self) -> tuple[EvalBatches, str]:
        """The images, and which they are: eval images where it validated none, or has them not here."""
        experiment, root = self.experiment, self.experiment.settings.paths.data
        path = self.folder / "valid_predictions.csv"
        if not was_written(path):  # a final fit: it validated nothing
            return self._eval_images, "eval"
        refuse_changed(path)
        files = [row["id"] for row in read_table(path, ("id",), guarded=True).rows]
        files = [str(on_disk(root / file).relative_to(root)) for file in files[:: -(-len(files) // _SAMPLE)]]
        if all((root / file).is_file() for file in files):
            features = self._features(files)
            images = EvalDataset(root=root, columns=("id",), ids=files, files=files, features=features)
            return eval_batches(experiment, images, "validation"), "validation"
        return self._eval_images, "eval (the validation images are not here)"

    def _features(self, files: list[str]) -> FeatureTable | None:
        """Return what the model sees of these images beside their pixels, by the training table."""
        settings, task = self.experiment.settings, self.experiment.task
        if features_of(settings) is None:
            return None
        dataset = training_table(settings, task)
        row_of = {file: row for row, file in enumerate(dataset.files)}
        if dataset.features is None or not row_of.keys() >= set(files):
            raise DataError(f"{dataset.root} lacks images that {self.folder} validated.")
        return dataset.features.at([row_of[file] for file in files])

    @property
    def _eval_images(self) -> EvalBatches:
        _, batches = eval_data(self.experiment)
        batches.rows = batches.rows[:_SAMPLE]
        return batches


def write_checked_onnx(sample: Sample) -> Path:
    """Write the ONNX file of a run; it gets its name when it gives the model's own probabilities.

    Raises:
        ConfigError: a package is missing, or ONNX can't say what the model does.
    """
    experiment, path, difference = sample.experiment, sample.out / FILE, ""

    def write(temporary: Path) -> None:
        size, facts = experiment.settings.images.size, _facts(sample)
        write_onnx(temporary, sample.model, experiment.task.spaces, size, facts)
        nonlocal difference
        difference = sample.compared_with(OnnxRuntime(onnx_file=lambda: temporary))

    write_durably(path, write)
    log.info("ONNX file: %s (%.1f MB): %s", path, path.stat().st_size / 1e6, difference)
    return path


def _onnx_file(sample: Sample) -> Path:
    """Return the run's ONNX file, written anew unless the one that is there is of these weights."""
    for path in (sample.folder / FILE, sample.out / FILE):
        if path.exists() and metadata_of(path) == as_metadata(_facts(sample)):
            return path
    return write_checked_onnx(sample)


def _facts(sample: Sample) -> dict[str, Any]:
    """Return what the user of a run's ONNX file has to know, and where it is from."""
    experiment, folder, model = sample.experiment, sample.folder, sample.model
    settings, scores = experiment.settings, read_scores(folder, "best_epoch")
    crop = settings.chosen["crop"]
    task, features = experiment.task.tuned(scores.get("tuning", {})), features_of(settings)

    return {
        "input": "images: RGB, uint8 (N, 3, height, width) of image_size; the file normalises them itself",
        **({} if features is None else _columns(features)),
        "outputs": "for each of spaces its probabilities (N, K); SPACE/logits: before softmax or sigmoid",
        "spaces": {
            space.name: {"kind": space.kind, "labels": space.labels}
            | ({"thresholds": space.thresholds} if isinstance(space, AnyOf) else {})
            for space in task.spaces
        },
        "task": settings.texts()["task"],  # its decision among them
        "crop": {"name": crop.name} | CROPPERS.arguments(crop),
        "prepared_size": experiment.prepare.size,
        "image_size": settings.images.size,
        "grey": settings.images.grey,
        "depth": settings.images.depth,
        "normalise": {
            name: {"mean": part.mean.flatten().tolist(), "std": part.std.flatten().tolist()}
            for name, part in model.named_modules()
            if isinstance(part, Normalise)
        },
        "run": "/".join(folder.absolute().parts[-3:]),
        "epoch": scores["best_epoch"],
        "config_sha256": sha256_of(folder / "config.ini"),
        "weights_sha256": _digest(model),
    }


def _columns(features: Features) -> dict[str, Any]:
    """Return what the user of a model that sees a table's columns has to know of them."""
    return {
        "features": "float32 (N, D), for each of columns in turn: a number (0 if missing), or 1 for the word "
        "that it is; then 1 if it is missing, else 0; the file brings numbers to its scale itself",
        "columns": {
            column.name: {"kind": column.kind} | ({"words": column.words} if column.words else {})
            for column in features.columns
        },
    }


def _digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
