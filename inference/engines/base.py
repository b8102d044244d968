"""What an engine is: a way to run a finished model, checked against PyTorch itself before it is used."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from dataset.tasks.base import Task
from inference.predict import Predictions
from utils.errors import ConfigError, unknown_name
from utils.registry import Component, Registry

LIMIT = 1e-3  # of the difference of a probability; rounding stays far below


class Engine(nn.Module):
    """Stands for a model: images in, logits out. A subclass is one file in ``inference/engines``.

    A model that sees a table's columns as well gets those (N, D) after the images.

    Runtime arguments that a constructor may name: ``model``; ``batch_size``, how many images come at once as
    a rule; and ``onnx_file``, a function that returns the path of the model's ONNX file.

    Attributes:
        exact: whether it is PyTorch itself, so that there is nothing to check.
        one_at_a_time: whether it can't be copied to answer two batches at once, or has threads of its own.
    """

    exact: ClassVar[bool] = False
    one_at_a_time: ClassVar[bool] = True

    @classmethod
    def check(cls, device: torch.device) -> None:
        """Refuse to run models of this device here.

        Raises:
            ConfigError: says what to install or to write.
        """

    def forward(self, images: Tensor, *table: Tensor) -> dict[str, Tensor]:
        """Return logits (N, K) by label space of uint8 images (N, 3, H, W)."""
        raise NotImplementedError


ENGINES: Registry[Engine] = Registry(
    "engine", "inference.engines", runtime=("model", "batch_size", "onnx_file")
)


@dataclass(frozen=True, slots=True)
class EngineName:
    """The name of an engine's class, which a config says in lower case."""

    name: str

    @classmethod
    def from_text(cls, text: str) -> "EngineName":
        """Return the engine that ``text`` names.

        Raises:
            ValueError: there is none of that name.
        """
        names = {name.lower(): name for name in ENGINES.names()}
        if text.lower() not in names:
            raise ValueError(unknown_name("engine", text, names))
        return cls(names[text.lower()])

    @classmethod
    def allowed(cls) -> str:
        """Return the names, for ``--mode list``."""
        return ", ".join(map(str.lower, ENGINES.names()))

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def component(self) -> Component:
        """What the registry builds it from."""
        return Component(self.name, section="infer", origin=f"engine = {self}")


def largest_difference(task: Task, first: Predictions, second: Predictions) -> float:
    """Return the largest difference of a probability between two predictions; nan if one is no number.

    Of what is a number itself it is the difference as a share of the largest one.
    """
    before, after = task.probabilities(first.logits), task.probabilities(second.logits)
    differences = [space.difference(before[space.name], after[space.name]) for space in task.spaces]
    return float(torch.tensor(differences).max())  # which is nan if one of them is


def check_difference(difference: float, what: str, rounding: float = 0.0) -> None:
    """Refuse what gives other probabilities than PyTorch itself; ``what`` it is stands in the message.

    Args:
        difference: from PyTorch in float32.
        rounding: by how much PyTorch itself differs from that in the run's own precision.

    Raises:
        ConfigError: ``difference`` is above the limit, or no number.
    """
    limit = LIMIT + 2 * rounding
    if not difference <= limit:
        raise ConfigError(
            f"{what} gives other probabilities than PyTorch itself: they differ by up to {difference:.2g}, "
            f"and more than {limit:.2g} is not rounding. Write engine = eager in [infer]."
        )
