"""A model that also says each of its answers apart, of those questions whose answer is a number."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from dataset.tasks.base import Logits
from dataset.tasks.spaces import Space
from inference.predict import Predictions
from inference.views.mean_of_views import MeanOfViews


class EachNumber(nn.Module):
    """The mean of a model's answers as before, and by ``space.count`` each number of it.

    No space has a point in its name.

    Args:
        asked: a model, or one that asks it about several views.
        spaces: of the task.
    """

    def __init__(self, asked: nn.Module, spaces: Sequence[Space]) -> None:
        super().__init__()
        self.asked = asked
        self.numbers = [space.name for space in spaces if space.numeric]

    def forward(self, images: Tensor) -> Logits:
        """Return logits (N, K) by space, of whole prepared images, and numbers (N, 1) by answer."""
        if isinstance(self.asked, MeanOfViews):
            answers = list(chain.from_iterable(self.asked.answers(images).values()))
            together = self.asked.mean(answers)
        else:
            together = self.asked(images)
            answers = [together]

        logits = dict(together)
        for space in self.numbers:
            logits |= {f"{space}.{count}": answer[space] for count, answer in enumerate(answers)}
        return logits

    def apart(self, predicted: Predictions) -> tuple[Predictions, dict[str, Tensor]]:
        """Return what was predicted with this model without single answers, and these (A, N) by space."""
        together = dict(predicted.logits)
        answers = {}
        for space in self.numbers:
            names = [name for name in predicted.logits if name.rpartition(".")[0] == space]
            answers[space] = torch.stack([together.pop(name)[:, 0] for name in names])
        return replace(predicted, logits=together), answers
