"""Several losses at once."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loss.base import LOSSES, Loss
from utils.convert import NonNegative, convert
from utils.errors import ConfigError, unknown_name
from utils.registry import Component


@dataclass(frozen=True, slots=True)
class WeightedNames:
    """Names of losses and their weights, at least 0; in a config: ``F1:0.4, Focal:0.6``."""

    weights: tuple[tuple[str, float], ...]

    @classmethod
    def from_text(cls, text: str) -> "WeightedNames":
        weights: dict[str, float] = {}
        valid = [name for name in LOSSES.names() if name != Sum.__name__]

        for part in text.split(","):
            name, colon, weight = (piece.strip() for piece in part.partition(":"))
            if not (name and colon):
                raise ValueError(f"{part.strip()!r} is not of the form NAME:WEIGHT, such as F1:0.4")
            if name not in valid:
                raise ConfigError(unknown_name("loss", name, valid))
            if name in weights:
                raise ValueError(f"{name} is there twice")
            try:
                weights[name] = convert(weight, NonNegative)
            except ValueError as error:
                raise ValueError(f"the weight of {name}: {error}") from None

        if not any(weights.values()):
            raise ValueError("at least one part needs a weight above 0")
        return cls(tuple(weights.items()))

    def __str__(self) -> str:
        return ", ".join(f"{name}:{weight}" for name, weight in self.weights)


_F1_AND_FOCAL = WeightedNames((("F1", 0.4), ("Focal", 0.6)))


@LOSSES.register
class Sum(Loss):
    """The sum of losses, each with its default options, times its weight.

    The weights are taken as they are written: with ``F1:2, Focal:3`` the loss is five times larger than
    with the default, and so is its gradient.

    Args:
        parts: names and weights; the default is what a team of the mask competition scored 0.766 with.
    """

    def __init__(
        self, *, space: str = "SPACE", scale: float | None = None, parts: WeightedNames = _F1_AND_FOCAL
    ) -> None:
        super().__init__()
        self.losses = nn.ModuleList(
            LOSSES.build(Component(name, {}, "Sum", "parts"), space=space, scale=scale)
            for name, _ in parts.weights
        )
        self.weights = [weight for _, weight in parts.weights]
        accepts = {name: LOSSES.get(name).accepts for name, _ in parts.weights}
        self.accepts = frozenset.intersection(*accepts.values())
        if not self.accepts:
            kinds = ", ".join(f"{name} for {' and '.join(sorted(kinds))}" for name, kinds in accepts.items())
            raise ValueError(f"parts: no labels fit all of them: {kinds}")

        # The parts share a head.
        links = {LOSSES.get(name).link: name for name, _ in parts.weights}
        links.pop(None, None)
        if len(links) > 1:
            raise ValueError(f"parts: {' and '.join(links.values())} each need a head of their own: keep one")
        self.link = next(iter(links), None)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        values = [
            weight * loss(logits, targets) for weight, loss in zip(self.weights, self.losses, strict=True)
        ]
        return torch.stack(values).sum()
