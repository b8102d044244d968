"""A linear model over what the members say.

Wolpert, "Stacked Generalization", 1992.
"""

import torch
from torch import Tensor

from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.cross_fit import deal_parts
from tools.ensemble.logistic import Model, fit_logistic, log_loss
from tools.ensemble.methods.base import (
    ENSEMBLES,
    Fitted,
    MemberProbabilities,
    Method,
    SpaceProbabilities,
    Truth,
    normalised,
)

_L2 = (1.0, 0.1, 0.01)  # of these, by the log loss on people that were not fitted on
_PARTS = 2
_LEAST = 5e-7  # of a probability: files keep six digits after the point


@ENSEMBLES.register
class Stacking(Method):
    """A logistic regression: each label's logit is a weighted sum of what the members say of it, and a bias.

    A member says the log-probability, or the logit where any label may be right; each has a weight for each
    label. An L2 penalty, whose strength people outside the fit decide, draws all weights to equal ones.
    """

    def fit(self, members: MemberProbabilities, truth: Truth) -> Fitted:
        labels = truth.task.marks(truth.targets)
        part = deal_parts(labels, truth.groups, _PARTS) if len(set(truth.groups)) >= _PARTS else None
        models = {}
        for space in truth.task.spaces:
            inputs, targets = _logits(space, members[space.name]), truth.targets[space.name].double()
            # An image without a label here says nothing of what is right.
            known = targets.any(dim=1) if space.kind == "one_of" else torch.ones(len(targets)).bool()
            inputs, targets = inputs[:, known], targets[known]

            l2 = _L2[0] if part is None else _best_l2(space, inputs, targets, part[known])
            model = fit_logistic(space.kind, inputs, targets, l2)
            models[space.name] = {
                "l2": l2,
                "weights": model.weights.tolist(),
                "biases": model.biases.tolist(),
            }
        return models

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        combined = {}
        for space in task.spaces:
            weights, biases = (
                torch.tensor(fitted[space.name][key], dtype=torch.float64) for key in ("weights", "biases")
            )
            logits = Model(weights, biases).logits(_logits(space, members[space.name]))
            combined[space.name] = normalised(space, logits)
        return combined


def _logits(space: Space, members: Tensor) -> Tensor:
    """Return the logits (M, N, K) of probabilities as a file keeps them."""
    return torch.stack([space.logits(member.clamp(_LEAST, 1 - _LEAST)) for member in members])


def _best_l2(space: Space, inputs: Tensor, targets: Tensor, part: Tensor) -> float:
    """Return the strength whose models have the lowest log loss on the parts that they were not fitted on."""
    losses = dict.fromkeys(_L2, 0.0)
    for held in (part == number for number in range(_PARTS)):
        if not held.any() or held.all():
            continue
        model = None
        for l2 in _L2:  # from the strongest, each from where the one before has ended
            model = fit_logistic(space.kind, inputs[:, ~held], targets[~held], l2, start=model)
            loss = log_loss(space.kind, model.logits(inputs[:, held]), targets[held])
            losses[l2] += float(loss) * int(held.sum())
    return min(losses, key=lambda l2: losses[l2])
