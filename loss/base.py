"""What every loss does, and the one that the Trainer sees: a loss for each label space."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from utils.registry import Registry


class Loss(nn.Module):
    """A loss of one label space.

    Attributes:
        accepts: the kinds of space that it makes sense for.
        link: for grades: what the head answers, a name in ``models/links.py``, where that becomes logits of
            classes; None: the head answers these themselves.
    """

    accepts: frozenset[str] = frozenset({"one_of"})
    link: str | None = None

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar, the mean over the labelled images: the learning rate knows no batch size.

        Args:
            logits: (N, K) float, unbounded.
            targets: (N, K) float, at least 0. "One of": a row's sum is its weight: 1 as a rule, more or
                less with class weights, 0 where the image is not labelled. "Any of": in [0, 1], every
                image is labelled, and a row of zeros says that no label is present. "Number": any, in units
                of the training data's spread, and NaN where it is not known.
        """
        raise NotImplementedError


def weighted_mean(per_image: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of ``per_image`` (N) over the sum of all weights in ``targets`` (N, K).

    Each part of ``per_image`` must be in proportion to its row's weight. With no labelled row the mean
    is 0, and so is its gradient.
    """
    return per_image.sum() / targets.sum().clamp(min=1e-12)


class PerHeadLoss(nn.Module):
    """The weighted mean of one loss for each label space.

    Args:
        losses: by space.
        weights: of each space, at least 0, not all 0; they are divided by their sum, so that the
            learning rate means the same with any of them.
        class_weights: (K) by "one of" space, for those whose classes don't all count the same.
        units: mean and spread by space of numbers: logits and targets come to its loss in these.

    Attributes:
        reweighting: whether class weights count; a run may turn them on late.
    """

    def __init__(
        self,
        losses: Mapping[str, Loss],
        weights: Mapping[str, float],
        class_weights: Mapping[str, Tensor] | None = None,
        units: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__()
        total = sum(weights[name] for name in losses)
        if total <= 0:
            raise ValueError("at least one head's loss needs a weight above 0")
        self.reweighting = True
        self.has_class_weights = bool(class_weights)
        self.losses = nn.ModuleDict(losses)
        self.weights = {name: weights[name] / total for name in losses}
        self.units = dict(units or {})
        for name, values in (class_weights or {}).items():
            self.register_buffer(f"class_weights_{name}", values)

    def forward(self, logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Return a scalar in float32 from logits and targets (N, K) by space."""
        parts = [
            self.weights[name]
            * loss(self._in_units(name, logits[name].float()), self._weighted(name, targets[name]))
            for name, loss in self.losses.items()
        ]
        return torch.stack(parts).sum()

    def _in_units(self, name: str, values: Tensor) -> Tensor:
        return (values - self.units[name][0]) / self.units[name][1] if name in self.units else values

    def _weighted(self, name: str, targets: Tensor) -> Tensor:
        targets = self._in_units(name, targets)
        weights = getattr(self, f"class_weights_{name}", None)
        return targets * weights if self.reweighting and weights is not None else targets


# ``space`` is the label space's name, ``scale`` the factor between cosine and logit of its head, None for a
# head whose logits are no cosines.
LOSSES: Registry[Loss] = Registry("loss", "loss", runtime=("space", "scale"))
