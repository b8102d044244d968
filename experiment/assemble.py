"""Builds each piece of a run once, from the settings."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from dataset.augmentation.base import Augmenter
from dataset.batches import EvalBatches, fitting_batch_size
from dataset.croppers.base import CROPPERS
from dataset.images.coming import Meanwhile
from dataset.images.featured import with_features
from dataset.images.open_images import kind_of
from dataset.images.prepare import Prepare
from dataset.images.store import ImageSource
from dataset.readers.base import BaseDataset
from dataset.tasks.base import Targets, Task
from experiment.allowed_moves import build_augmentations
from experiment.budget import cost_line
from experiment.build_batches import train_batches, with_pseudo_labels
from experiment.build_loss import build_criterion
from experiment.build_model import build_model, heads_of, outline, refuse_batch_of_one
from experiment.build_state import build_state
from experiment.callbacks import build_callbacks
from experiment.data import build_task, leave_out_bad, pixels_of, training_table
from experiment.features import features_of, learn_columns, with_found_features
from experiment.kept_images import keeping
from experiment.refuse import check_spaces, refuse
from experiment.settings import Settings
from experiment.units import UnitBySpace, learn_in_units, trained_units
from loss.base import PerHeadLoss
from models.heads.base import Heads
from train.cuda_graph import passes_of
from train.timed import TimedTrainer
from train.trainer import Trainer
from train.validator import Validator
from utils.device import Precision, pick_device
from utils.seeds import allow_any_kernels

log = logging.getLogger("podium")


@dataclass(slots=True)
class Experiment:
    """The pieces that training and inference share."""

    settings: Settings
    task: Task
    precision: Precision
    prepare: Prepare

    @classmethod
    def of(cls, settings: Settings) -> "Experiment":
        images = settings.images
        # Half of the room lies on each side: the middle is what it is without.
        height, width = (side + 2 * round(side * images.room / 2) for side in images.size)
        cropper = CROPPERS.build(settings.chosen["crop"], image_size=(height, width))
        prepare = Prepare((height, width), cropper, images.grey, images.depth)
        task = build_task(settings)
        settings = with_found_features(settings).resolved(task)
        check_spaces(settings, task)
        precision = Precision.named(settings.train.precision, pick_device(settings.run.device))
        if not settings.run.deterministic:
            allow_any_kernels()
        return cls(settings, task, precision, prepare)

    def with_settings(self, settings: Settings) -> "Experiment":
        """Return the same experiment with other settings of training, and the precision that they name."""
        precision = Precision.named(settings.train.precision, self.precision.device)
        return replace(self, settings=settings, precision=precision)

    @property
    def eval_precision(self) -> Precision:
        """The precision of validation and inference."""
        name = self.settings.train.eval_precision
        return self.precision if name == "auto" else replace(self.precision, dtype=getattr(torch, name))

    def check(self) -> None:
        """Refuse what can be refused before an image is read."""
        self.criterion()
        heads = heads_of(self.settings, self.task, fresh=False)
        refuse(self.settings, self.task, heads, self.precision, self.prepare.size)

    @property
    def heads(self) -> Heads:
        """How many labels each space has, and how its head is made."""
        return heads_of(self.settings, self.task, fresh=True)

    @property
    def eval_batch_size(self) -> int:
        """How many images are validated or predicted at once."""
        chosen, size = self.settings.infer.batch_size, self.settings.images.size
        return fitting_batch_size(size, self.precision.device) if chosen == "auto" else chosen

    def model(self, *, fresh: bool) -> torch.nn.Module:
        """Return the model on its device; with ``fresh`` false no pretrained weights are loaded."""
        heads = heads_of(self.settings, self.task, fresh=fresh)
        model = build_model(self.settings, self.task, heads, build_task, fresh=fresh)
        return model.to(self.precision.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def training_data(self, table: BaseDataset | None = None) -> tuple[BaseDataset, ImageSource]:
        """Return the table of training images, or the one given, without bad ones; and their pixels."""
        settings, dataset = self.settings, table or training_table(self.settings, self.task)
        dataset.check_fold(dataset.valid_fold, "[dataset] valid_fold")
        source = self.images(dataset.root, dataset.files, "training")
        self.settings = keeping(settings, kind_of(source))  # the run's, for all its images

        source = with_pseudo_labels(settings, self.task, dataset, source, self.images)
        leave_out_bad(dataset, source, refused=settings.images.on_bad_image == "error")
        return dataset, with_features(source, dataset.training.features)

    def validator(self, dataset: BaseDataset, source: ImageSource) -> Validator:
        """Return what scores a model on the validation images, by the organiser's labels."""
        rows, size, targets = dataset.valid_rows, self.settings.images.size, dataset.targets
        batches = EvalBatches(source, rows, batch_size=self.eval_batch_size, size=size, targets=targets)
        criterion = self.criterion(units=trained_units(self.task.spaces, dataset.training))
        return Validator(self.task, batches, criterion, self.eval_precision, dataset.case_of)

    def criterion(self, trained: Targets | None = None, units: UnitBySpace | None = None) -> PerHeadLoss:
        """Return the loss of all label spaces on the device; validation's has no ``trained`` targets."""
        criterion = build_criterion(self.settings, self.task.spaces, self.heads, trained, units)
        return criterion.to(self.precision.device)

    def images(
        self, root: Path, files: Sequence[str], what: str, meanwhile: Meanwhile | None = None
    ) -> ImageSource:
        """Return the pixels of files, prepared as the config says, from where it wants them."""
        return pixels_of(self.settings, self.prepare, self.precision.device, root, files, what, meanwhile)


def assemble_training(
    experiment: Experiment, folder: Path, dataset: BaseDataset, source: ImageSource, *, fresh: bool
) -> Trainer:
    """Return a trainer that stands at the beginning of its run.

    Args:
        fresh: False when a checkpoint's weights follow, so that pretrained ones are not loaded.
    """
    settings, task, table = experiment.settings, experiment.task, dataset.training
    train = settings.train
    batches = train_batches(settings, task, dataset, source, experiment.precision.device)

    # What the training images say of numbers and columns is kept with the weights.
    model = experiment.model(fresh=fresh)
    units = learn_in_units(model, task.spaces, table)
    learn_columns(model, table, features_of(settings))
    if batches.batch_size < train.images:  # where images are few
        experiment.heads.check_batch(batches.batch_size)
        refuse_batch_of_one(settings, outline(settings, experiment.heads), batches.batch_size)
    augmenter = Augmenter(
        build_augmentations(settings, task), size=settings.images.size, seed=settings.run.seed
    )
    log.info("%s\nDevice: %s", cost_line(settings, model), experiment.precision)

    validator = experiment.validator(dataset, source)
    trained = {name: values[table.rows] for name, values in table.targets.items()}
    criterion = experiment.criterion(trained, units)
    callbacks = build_callbacks(
        settings,
        folder=folder,
        task=task,
        validator=validator,
        batches=batches,
        augmenter=augmenter,
        files=table.files,
        criterion=criterion,
        precision=experiment.precision,
    )

    steps = -(-len(batches) // train.accumulate)  # the last one of an epoch may have fewer batches
    state = build_state(settings, task, model, experiment.precision, steps)
    how = {"compile": train.compile, "cuda_graph": train.cuda_graph}
    passes = passes_of(model, criterion, experiment.precision, state.scaler, **how)
    return TimedTrainer(
        state,
        batches=batches,
        augmenter=augmenter,
        passes=passes,
        validator=validator,
        callbacks=callbacks,
        epochs=train.epochs,
        seed=settings.run.seed,
        clip=train.clip,
    )
