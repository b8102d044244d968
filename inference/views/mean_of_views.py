"""Test-time augmentation: a model that asks another model about several views of each image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

from dataset.batches import centre_crop
from dataset.tasks.base import Logits
from dataset.tasks.spaces import Space
from inference.mean import mean_probabilities
from inference.predict import Predictions
from inference.views.base import View

Average = Literal["probabilities", "logits"]
NONE, ALL = "none", "all"  # what EachView calls the image alone, and all views together


class MeanOfViews(nn.Module):
    """The mean of a model's answers to the image as validation sees it and to each of its views.

    Every image that a view makes counts as much as the image itself. The order of the views changes no bit.

    Args:
        model: images (N, 3, *size), and what else it sees of them, to logits.
        views: by name.
        average: what the mean is of; that of probabilities comes back as logits with these probabilities.
    """

    def __init__(
        self,
        model: Callable[..., Logits],
        views: Mapping[str, View],
        *,
        spaces: Sequence[Space],
        size: tuple[int, int],
        average: Average,
    ) -> None:
        super().__init__()
        self.model, self.views = model, dict(sorted(views.items()))
        self.spaces, self.size, self.average = tuple(spaces), size, average

    def forward(self, images: Tensor, *table: Tensor) -> Logits:
        """Return the mean as logits (N, K) by space, of whole prepared images, uint8 (N, 3, H, W).

        Args:
            table: what else the model sees of each image, the same in each view.
        """
        return self.mean(list(chain.from_iterable(self.answers(images, *table).values())))

    def answers(self, images: Tensor, *table: Tensor) -> dict[str, list[Logits]]:
        """Return the model's logits of the image alone (NONE) and of each view's images."""
        answers = {NONE: [self.model(centre_crop(images, self.size), *table)]}
        for name, view in self.views.items():
            answers[name] = [self.model(shown, *table) for shown in view.images(images)]
        return answers

    def mean(self, answers: Sequence[Logits]) -> Logits:
        """Return the mean of several answers, as logits; of one, itself."""
        if len(answers) == 1:
            return answers[0]
        if self.average == "logits":
            return {space.name: _mean([answer[space.name] for answer in answers]) for space in self.spaces}
        mean = mean_probabilities(list(map(self._probabilities, answers)))
        return {space.name: space.logits(mean[space.name]) for space in self.spaces}

    def _probabilities(self, answer: Logits) -> dict[str, Tensor]:
        return {space.name: space.probabilities(answer[space.name]) for space in self.spaces}


class EachView(nn.Module):
    """The same answers to compare: logits of the image alone, with each view, and with all of them."""

    def __init__(self, together: MeanOfViews) -> None:
        super().__init__()
        self.together = together
        self.means: dict[str, tuple[str, ...]] = {NONE: (NONE,)}
        self.means |= {name: (NONE, name) for name in together.views}
        if len(together.views) > 1:
            self.means[ALL] = (NONE, *together.views)
        self.images = dict.fromkeys(self.means, 0)  # of one image that each mean is over, once it was asked

    def forward(self, images: Tensor, *table: Tensor) -> Logits:
        """Return logits (N, K) by ``mean/space``."""
        answers = self.together.answers(images, *table)
        logits: Logits = {}
        for mean, names in self.means.items():
            meant = [answer for name in names for answer in answers[name]]
            self.images[mean] = len(meant)
            logits |= {f"{mean}/{space}": values for space, values in self.together.mean(meant).items()}
        return logits

    def apart(self, together: Predictions) -> dict[str, Predictions]:
        """Return what was predicted with this model as the predictions of each mean."""
        spaces = [space.name for space in self.together.spaces]
        apart = {}
        for mean in self.means:
            logits = {space: together.logits[f"{mean}/{space}"] for space in spaces}
            apart[mean] = replace(together, logits=logits)
        return apart


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack([value.float() for value in values]).mean(dim=0)
