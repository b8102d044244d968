"""How much more the images of a rare class count."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Weights in proportion to 1 / n_k ** power for a class with n_k training images.

    In a config: ``none`` (power 0), ``balanced`` (power 1) or a power between, such as ``0.5``. Or
    ``effective 0.999``: in proportion to (1 - beta) / (1 - beta ** n_k), one over the effective number of
    images (Cui et al., 2019, equation 3), with beta = 0.999; 0 weighs all classes alike, near 1 is balanced.
    """

    power: float = 0.0
    beta: float | None = None  # of the effective number, in place of a power

    @classmethod
    def from_text(cls, text: str) -> "ClassWeights":
        named = {"none": 0.0, "balanced": 1.0}
        method, _, beta = text.lower().partition(" ")
        try:
            if method == "effective":
                weights = cls(beta=float(beta))
            else:
                weights = cls(named[method] if text.lower() in named else float(text))
        except ValueError:
            valid = "none, balanced, a power from 0 to 1, or effective 0.999"
            raise ValueError(f"{text!r} is not {valid}") from None

        if not 0 <= weights.power <= 1:
            raise ValueError(f"{text!r} is not a power from 0 (none) to 1 (balanced)")
        if weights.beta is not None and not 0 <= weights.beta < 1:
            raise ValueError(f"{text!r}: beta must be at least 0 and below 1, such as effective 0.999")
        return weights

    def __str__(self) -> str:
        if self == ClassWeights():
            return "none"
        return f"{self.power:g}" if self.beta is None else f"effective {self.beta!r}"

    @property
    def equal(self) -> bool:
        """Whether every class counts the same."""
        return not self.power and not self.beta

    def of(self, counts: Tensor) -> Tensor:
        """Return weights (K) whose mean over all images is 1, so the learning rate keeps its meaning.

        With power 1 they are N / (K * n_k), as sklearn's ``compute_class_weight("balanced")``, K being
        the number of classes that occur. A class without an image has weight 0.

        Args:
            counts: (K) images of each class; fractions of soft labels are fine.
        """
        occurs = counts > 0
        raw = torch.where(occurs, self._raw(counts.clamp(min=1e-12)), 0.0)
        return raw * counts.sum() / (raw * counts).sum().clamp(min=1e-12)

    def _raw(self, counts: Tensor) -> Tensor:
        if self.beta is None:
            return counts**-self.power
        if not self.beta:
            return torch.ones_like(counts)
        one_minus_power = -torch.expm1(counts.double() * math.log(self.beta))  # exact also near beta = 1
        return ((1 - self.beta) / one_minus_power).to(counts.dtype)
