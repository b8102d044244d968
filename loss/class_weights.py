"""How much more the images of a rare class count."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Weights in proportion to 1 / n_k ** power for a class with n_k training images.

    In a config: ``none`` (power 0), ``balanced`` (power 1) or a power between, such as ``0.5``.
    """

    power: float = 0.0

    @classmethod
    def from_text(cls, text: str) -> "ClassWeights":
        named = {"none": 0.0, "balanced": 1.0}
        try:
            power = named[text.lower()] if text.lower() in named else float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not none, balanced or a power from 0 to 1") from None
        if not 0 <= power <= 1:
            raise ValueError(f"{text!r} is not a power from 0 (none) to 1 (balanced)")
        return cls(power)

    def __str__(self) -> str:
        return f"{self.power:g}"

    def of(self, counts: Tensor) -> Tensor:
        """Return weights (K) whose mean over all images is 1, so the learning rate keeps its meaning.

        With power 1 they are N / (K * n_k), as sklearn's ``compute_class_weight("balanced")``, K being
        the number of classes that occur. A class without an image has weight 0.

        Args:
            counts: (K) images of each class; fractions of soft labels are fine.
        """
        occurs = counts > 0
        raw = torch.where(occurs, counts.clamp(min=1e-12) ** -self.power, 0.0)
        return raw * counts.sum() / (raw * counts).sum().clamp(min=1e-12)
