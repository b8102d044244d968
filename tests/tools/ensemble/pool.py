"""Drawn members of every kind of task."""

from pathlib import Path

import numpy as np
import torch

from dataset.tasks.base import TASKS
from tools.ensemble.methods.base import Truth
from utils.registry import Component

TREE = [("a", "", ""), ("b", "he", ""), ("b", "she", ""), ("c", "man", "boy"), ("c", "man", "old")]
LEVELS = ("coarse", "middle", "fine")


def task(name, **options):
    offered = {
        "root": Path("unused"),
        "labels_found": lambda: ("cat", "dog", "fox", "owl"),
        "rows_found": lambda: [("a table", dict(zip(LEVELS, row, strict=True))) for row in TREE],
    }
    return TASKS.build(Component.of(name, **options), **offered)


EVERY_KIND = {
    "three heads": task("MaskTask"),
    "joint": task("MaskTask", joint="yes"),
    "classes": task("ClassificationTask"),
    "any": task("MultiLabelTask", threshold=0.4),
    "path": task("HierarchyTask", levels=", ".join(LEVELS)),
    "levels": task("HierarchyTask", levels=", ".join(LEVELS), decide="level", missing="class"),
}


def drawn(made, images, count, seed=0, digits=6):
    """Return members (probabilities with a few digits, so that some are equal) and what is right."""
    generator = torch.Generator().manual_seed(seed)
    members, targets = {}, {}
    for space in made.spaces:
        shape = (images, len(space.labels))
        marked = torch.rand(shape, generator=generator)
        if space.kind == "one_of":
            marked = space.decide(marked).float()
            if made.spaces[0].name not in ("mask", "class"):  # in the mask competition nothing is missing
                marked[torch.rand(images, generator=generator) < 0.1] = 0
        else:
            marked = (marked < 0.3).float()
        targets[space.name] = marked
        noise = torch.randn((count, *shape), generator=generator)
        found = space.probabilities((2 * noise + 2 * marked).flatten(0, 1)).double()
        members[space.name] = (found.reshape(count, *shape) * 10**digits).round() / 10**digits
    groups = np.random.default_rng(seed).integers(0, images // 3 + 2, images)
    return members, Truth(made, targets, tuple(f"person {number}" for number in groups))


def permuted(members, truth, rows):
    """Return the same with the images in another order."""
    return {space: of[:, rows] for space, of in members.items()}, truth.at(rows)
