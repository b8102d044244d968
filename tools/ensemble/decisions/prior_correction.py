"""Less probability for frequent labels.

Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.
"""

import torch
from torch import Tensor

from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth, logits_of, normalised

_TAUS = torch.linspace(0, 1.5, 31, dtype=torch.float64).tolist()


@DECISIONS.register
class PriorCorrection(Decision):
    """Logits - tau * logits of how frequent each label is; the tau from 0 to 1.5 that scores best."""

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        priors = {space.name: _prior(space, truth.targets[space.name]) for space in self.spaces(truth.task)}
        taus = [{"tau": tau, "priors": priors} for tau in _TAUS]
        judge = self.judged(truth)
        scores = [judge.score(self.apply(probabilities, tried, truth.task)) for tried in taus]
        return taus[scores.index(max(scores))]  # of equal ones that which changes least

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        logits, corrected = logits_of(task, probabilities), dict(probabilities)
        for space in self.spaces(task):
            prior = torch.tensor([fitted["priors"][space.name]], dtype=torch.float64)
            corrected[space.name] = normalised(
                space, logits[space.name] - fitted["tau"] * space.logits(prior)
            )
        return corrected


def _prior(space: Space, targets: Tensor) -> list[float]:
    """Return the share of each label (K,), as if one more image of each kind had been seen."""
    counts = (targets > 0).double().sum(dim=0) + 1
    among = counts.sum() if space.kind == "one_of" else torch.tensor(len(targets) + 2.0)
    return [float(share) for share in counts / among]
