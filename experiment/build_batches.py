"""Builds the batches that a run trains on, with what another run labelled."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from dataset.batches import TrainBatches
from dataset.images.store import ImageSource
from dataset.pseudo.joined import JoinedSource
from dataset.pseudo.labels import read_pseudo_labels, summary
from dataset.readers.base import BaseDataset
from dataset.samplers.base import SAMPLERS
from dataset.tasks.base import Task
from experiment.settings import Settings

log = logging.getLogger("podium")


def with_pseudo_labels(
    settings: Settings,
    task: Task,
    dataset: BaseDataset,
    source: ImageSource,
    images: Callable[[Path, Sequence[str], str], ImageSource],
) -> ImageSource:
    """Give a training table the images that [pseudo] adds, if it does; return the pixels of all.

    Args:
        source: the pixels of the table's own images.
        images: gives those of files below a folder, and says what they are.
    """
    pseudo = settings.pseudo.of_fold(dataset.valid_fold)
    if pseudo.labels is None:
        return source
    dataset.extra = read_pseudo_labels(pseudo, pseudo.labels, dataset, task)
    return JoinedSource(source, images(dataset.root, dataset.extra.files, "pseudo-labelled"))


def train_batches(
    settings: Settings, task: Task, dataset: BaseDataset, source: ImageSource, device: torch.device
) -> TrainBatches:
    """Return the images that are trained on in batches, in the order that the sampler gives them.

    Args:
        device: where they go; a GPU lets the next one be read meanwhile.
    """
    table = dataset.training
    if dataset.extra is not None:
        log.info(summary(settings.pseudo.of_fold(dataset.valid_fold), dataset.extra, task.spaces))

    # A sampler that weighs classes can't weigh numbers.
    labels = {space.name: table.targets[space.name] for space in task.spaces if not space.numeric}
    sampler = SAMPLERS.build(
        settings.chosen["sampler"],
        rows=table.rows,
        targets=labels,
        numbers=[space.name for space in task.spaces if space.numeric],
        groups=table.groups,
        seed=settings.run.seed,
    )

    return TrainBatches(
        source,
        table.targets,
        sampler,
        settings.train.images,
        accumulate=settings.train.accumulate,
        read_ahead=device.type == "cuda",
    )
