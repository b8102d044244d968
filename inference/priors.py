"""How the training labels are spread: the answer to an image that can't be looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.tasks.base import Targets
from dataset.tasks.spaces import Space
from inference.predict import Predictions
from utils.durable import write_json
from utils.forms import NUMBER, SHARE, by_name
from utils.read_json import read_json

FILE = "priors.json"  # in a run's folder
Priors = dict[str, Tensor]  # (K) by space, in [0, 1]; of a number its mean


def priors_of(spaces: Sequence[Space], targets: Targets) -> Priors:
    """Return the share of each label, from the targets (N, K) that a run is trained on."""
    return {space.name: space.shares(targets[space.name]) for space in spaces}


def write_priors(folder: Path, spaces: Sequence[Space], priors: Priors) -> None:
    """Write them beside a run, by the names of its labels."""
    table = {
        space.name: dict(zip(space.labels, priors[space.name].tolist(), strict=True)) for space in spaces
    }
    write_json(folder / FILE, table)


def read_priors(folder: Path, spaces: Sequence[Space]) -> Priors | None:
    """Return what a run wrote; None if it wrote none, or of other labels."""
    try:
        table = read_json(folder / FILE)
        value = NUMBER if any(space.numeric for space in spaces) else SHARE
        if not by_name(by_name(value)).fits(table):
            return None
        return {
            space.name: torch.tensor(
                [table[space.name][label] for label in space.labels], dtype=torch.float64
            )
            for space in spaces
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def with_priors(
    read: Predictions, count: int, unreadable: Mapping[int, str], priors: Priors, spaces: Sequence[Space]
) -> Predictions:
    """Return predictions of all ``count`` rows: those that can't be read get logits of the priors."""
    missing = torch.tensor(sorted(unreadable), dtype=torch.int64)
    rows = torch.from_numpy(read.rows)
    logits = {}
    for space in spaces:
        values = read.logits[space.name]
        answer = space.logits(priors[space.name][None]).to(values.dtype)
        logits[space.name] = values.new_empty(count, values.shape[1])
        logits[space.name][rows] = values
        logits[space.name][missing] = answer
    return Predictions(np.arange(count), logits, {})
