"""A label space whose labels are grades: they have an order."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from dataset.tasks.spaces import OneOf

Answer = Literal["median", "likeliest"]


@dataclass(frozen=True)
class Ordered(OneOf):
    """Exactly one grade is right; the labels stand in their order, the lowest first.

    Targets, logits and probabilities are those of labels without an order, whichever loss it is trained with:
    so whatever works with these works with grades.

    Args:
        answer: which grade is given. ``median``: the highest one that is reached with a probability above
            1/2, as CORAL and CORN have it (Shi, Cao and Raschka, 2021, equation 6), which is as seldom far
            off as can be; ``likeliest``: the one with the highest probability.
    """

    answer: Answer = "median"

    ordered: ClassVar[bool] = True

    def decide(self, logits: Tensor) -> Tensor:
        if self.answer == "likeliest":
            return super().decide(logits)
        upto = self.probabilities(logits).double().cumsum(dim=1)[:, :-1]
        grade = (upto < 0.5).sum(dim=1, keepdim=True)
        return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, grade, True)
