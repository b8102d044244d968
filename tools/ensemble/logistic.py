"""Logistic regression with a weight for each member and label, drawn to equal weights."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_STEPS = 50
_EXACT = 1e-9  # of the loss, in nats: what a step has to gain
_RIDGE = 1e-8  # where one label is right, a bias for all labels changes nothing: it stays small


@dataclass(frozen=True, slots=True)
class Model:
    """logit of label k = sum over members m of weights[m, k] * inputs[m, :, k], + biases[k]."""

    weights: Tensor  # float64 (M, K)
    biases: Tensor  # float64 (K,)

    @classmethod
    def equal(cls, members: int, labels: int) -> "Model":
        """Return the mean of what M members say of K labels."""
        weights = torch.full((members, labels), 1 / members, dtype=torch.float64)
        return cls(weights, torch.zeros(labels, dtype=torch.float64))

    def logits(self, inputs: Tensor) -> Tensor:
        """Return logits (N, K) of the members' inputs (M, N, K)."""
        parts = (member * weights for member, weights in zip(inputs, self.weights, strict=True))
        return sum(parts, self.biases)


def fit_logistic(kind: str, inputs: Tensor, targets: Tensor, l2: float, start: Model | None = None) -> Model:
    """Return the model with the lowest log_loss + l2 / 2 * sum of (weights - 1 / M)^2, by Newton's method.

    That is convex, so there is one lowest value; a step that overshoots is halved.

    Args:
        kind: ``one_of`` labels is right, or ``any_of`` them.
        inputs: float64 (M, N, K), a logit of each member for each label.
        targets: float64 (N, K).
        start: where the search begins; None = at equal weights and no biases.
    """
    members, images, labels = inputs.shape
    model = start or Model.equal(members, labels)
    ones = torch.ones(1, images, labels, dtype=torch.float64)
    features = torch.cat([inputs, ones]).permute(2, 1, 0).contiguous()  # (K, N, M + 1)

    def loss(model: Model) -> float:
        away = model.weights - 1 / members
        return float(log_loss(kind, model.logits(inputs), targets) + l2 / 2 * away.square().sum())

    before = loss(model)
    for _ in range(_STEPS):
        step = _newton_step(kind, features, model, targets, l2)
        for _ in range(_STEPS):
            tried = Model(model.weights - step[:, :-1].T, model.biases - step[:, -1])
            if (after := loss(tried)) <= before:
                break
            step = step / 2
        else:
            break
        model, gained, before = tried, before - after, after
        if gained < _EXACT:
            break
    return model


def _newton_step(kind: str, features: Tensor, model: Model, targets: Tensor, l2: float) -> Tensor:
    """Return what to subtract from the weights and biases (K, M + 1): gradient / second derivative."""
    labels, images, width = features.shape
    both = torch.cat([model.weights, model.biases[None]]).T  # (K, M + 1)
    logits = torch.bmm(features, both.unsqueeze(2)).squeeze(2).T
    chances = logits.softmax(dim=1) if kind == "one_of" else logits.sigmoid()
    share = images if kind == "one_of" else images * labels

    penalty = torch.full((width,), l2, dtype=torch.float64)
    penalty[-1] = 0
    away = both - 1 / (width - 1)
    gradient = torch.bmm(features.transpose(1, 2), ((chances - targets) / share).T.unsqueeze(2)).squeeze(2)
    gradient = gradient + penalty * away

    # Of a label with itself; where one is right, softmax ties it to the others, which is taken away below.
    curved = chances if kind == "one_of" else chances * (1 - chances)
    scaled = features * curved.T.unsqueeze(2)
    within = torch.bmm(features.transpose(1, 2), scaled) / share + torch.diag(penalty + _RIDGE)
    if kind != "one_of":
        each: Tensor = torch.linalg.solve(within, gradient)
        return each

    together, label = scaled.permute(1, 0, 2).reshape(images, -1), torch.arange(labels)
    whole = (-together.T @ together / share).reshape(labels, width, labels, width)
    whole[label, :, label] += within
    step: Tensor = torch.linalg.solve(whole.reshape(labels * width, -1), gradient.flatten())
    return step.reshape(labels, width)


def log_loss(kind: str, logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -log of the probability that the targets got, in nats, over images (and labels).

    Each row of ``targets`` adds up to 1 where one label is right.
    """
    if kind == "one_of":
        return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return functional.binary_cross_entropy_with_logits(logits, targets)
