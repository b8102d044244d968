"""What losses of numbers share: images whose number is not known cost nothing."""

from torch import Tensor

from loss.base import Loss


class NumberLoss(Loss):
    """A mean over the images whose number is known; a subclass says what an error costs.

    Logits and targets are in units of the training data's spread, whatever is measured.
    """

    accepts = frozenset({"number"})

    def cost(self, error: Tensor) -> Tensor:
        """Return what errors cost, target - logit: at least 0, in the same shape."""
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        known = ~targets.isnan()
        # Before the cost is taken, as the gradient of what is multiplied by 0 would still be NaN.
        error = targets.where(known, logits.detach()) - logits
        return (self.cost(error) * known).sum() / known.sum().clamp(min=1)
