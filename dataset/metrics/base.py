"""Metrics: how answers are scored. To add one, copy a neighbour: a file in this folder, and its test.

    @METRICS.register
    class Accuracy(AdditiveMetric):
        suits = frozenset({"one_of"})

        def tally(self, evidence: Evidence) -> Tally: ...     # what each image adds to some counts
        def value(self, sums: Floats) -> Floats: ...          # counts (..., C) -> scores (...)

**What a metric says of itself.** ``suits``: the kinds of label space that it can score (as ``Space.kind``).
``needs``: ``choices`` (what was answered), ``probabilities``, or ``numbers``. ``higher_is_better``: which
way is better. ``per_image``: whether it is a mean over images, so that it means the same on any part of
them. ``by_label``, ``graded`` and ``calibrated``: what decisions ask, to know which of them serve it.
``name``: its key in scores.json and the monitor's name; ``in_words(name)`` is how it is printed.

**What it is given.** An ``Evidence``: the labels of one question, what is right for N images, what was
answered, and the probabilities; the latter two are made when they are asked for, so a metric that needs
only one costs only one. A question about several spaces is one question here: a task makes its evidence
(``Task.evidence``).

**What it gives.** ``statistic(evidence)``: everything that does not depend on how often an image counts is
done once; ``once(weights)`` gives its scores, ``drawn(draws)`` those of a bootstrap. There are three kinds:

- ``AdditiveMetric``: its score follows from counts that are summed over images, so the draws of a bootstrap
  are one matrix product: (draws x groups) @ (groups x counts).
- an order of images (``Curves``): areas under curves, as one product of draws and sorted images a label.
- ``RepeatedMetric``: it is computed anew for each draw, by ``prepared(evidence)``; ``most_work`` bounds the
  time: with many images and labels there are fewer draws, never fewer than ``fewest_draws``.

**How a task uses it.** ``Task.metrics`` are those of its competition, the first one decides; ``[metric]``
puts others before them. Where a task scores several questions together (labels on levels) a metric is the
mean over them. ``dataset/tasks/scoring.py`` is the only place that asks metrics: monitor, intervals,
compare, ensembles, views, soup and submissions ask the task (``scorer``, ``judge``, ``main_scores``,
``direction``).

**A new kind of space** brings its evidence: a subclass of ``Evidence`` with ``kind``, ``known`` and
``numbers``, named by ``Space.evidence``, and ``Space.as_evidence``, which makes its ``true`` and ``chosen``;
metrics that can score it name its kind in ``suits``.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.draws import Draws
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally
from utils.metrics import Weights
from utils.registry import Registry

Floats = NDArray[np.float64]
AnyWeights = Weights | NDArray[np.floating[Any]] | None  # (N,) how often each image counts; None: once
Repeated = Callable[[AnyWeights], float]


class Statistic(Protocol):
    """S scores of one question."""

    def once(self, weights: AnyWeights) -> Floats:
        """Return the scores (S,) where each image counts so often."""

    def drawn(self, draws: Draws) -> Floats:
        """Return the scores (R, S) of each draw, or of the first ones; NaN where a draw says nothing."""


class Additive:
    """Scores that follow from counts which are added up."""

    def __init__(self, tally: Tally, values: Callable[[Floats], Floats]) -> None:
        """Keep both.

        Args:
            tally: of C counts.
            values: from counts (..., C) to scores (..., S).
        """
        self.tally, self.values = tally, values

    def once(self, weights: AnyWeights) -> Floats:
        return self.values(self.tally.sums(weights))

    def drawn(self, draws: Draws) -> Floats:
        return np.concatenate([self.values(sums) for sums in self.tally.drawn(draws)])


class Anew:
    """A score that is computed for each draw, of which there may be fewer."""

    def __init__(self, score: Repeated, most_draws: int) -> None:
        self.score, self.most_draws = score, most_draws

    def once(self, weights: AnyWeights) -> Floats:
        return np.array([self.score(weights)])

    def drawn(self, draws: Draws) -> Floats:
        most = min(self.most_draws, draws.repeats)
        return np.array([[self.score(weights)] for weights in draws.weights(most)])


class Metric:
    """A way to score answers; a subclass is one file in this folder. The module says what it has to do."""

    suits: ClassVar[frozenset[str]] = frozenset({"one_of", "any_of"})
    needs: ClassVar[str] = "choices"
    per_image: ClassVar[bool] = False
    on_parts: ClassVar[bool] = True  # whether it can be asked about a few of the images
    together: ClassVar[bool] = False  # scores all questions of a task at once, not each by itself
    by_label: ClassVar[bool] = False  # whether it is the mean of what each label scores by itself
    additive: ClassVar[bool] = False  # whether ``tally`` and ``value`` make it: limits can be searched
    graded: ClassVar[bool] = False  # whether it looks at how far an answer is from the right one
    calibrated: ClassVar[bool] = False  # whether it looks at more of probabilities than their order
    higher_is_better: bool = True
    name: str  # such as ``macro_f1``

    @property
    def direction(self) -> int:
        """1 where more is better, and -1 where less is."""
        return 1 if self.higher_is_better else -1

    def tally(self, evidence: Evidence) -> Tally:
        """Return what each image adds to each of C counts, where these make the score."""
        raise NotImplementedError

    def value(self, sums: Floats) -> Floats:
        """Return the scores (...) of counts (..., C), where these make it."""
        raise NotImplementedError

    def worths(self, labels: int) -> Floats | None:
        """Return what each place (K) of the right label in the order of probabilities is worth.

        None: the score isn't the mean of that over images.
        """
        return None

    def statistic(self, evidence: Evidence) -> Statistic:
        """Return what gives the score of this evidence, as its only one."""
        raise NotImplementedError

    def score(self, evidence: Evidence, weights: AnyWeights = None) -> float:
        """Return the score; a search asks thousands of times, so a quicker way than ``statistic`` pays."""
        return float(self.statistic(evidence).once(weights)[0])

    def joined(self, evidence: Sequence[Evidence]) -> Evidence:
        """Return one evidence of several questions, for a metric that looks at all of them together."""
        raise NotImplementedError

    def check(self, labels: Sequence[str], kind: str) -> None:
        """Refuse a question that it can't score.

        Args:
            labels: of the question.
            kind: of its label space.

        Raises:
            ValueError: says why, and what else there is.
        """
        if kind not in self.suits:
            raise ValueError(
                f"{type(self).__name__} scores {_kinds(self.suits)}, and this question has {_KINDS[kind]}"
            )

    def scores(self, labels: Sequence[str], kind: str) -> bool:
        """Tell whether it also says something of a question that it was not named for."""
        try:
            self.check(labels, kind)
        except ValueError:
            return False
        return True


class AdditiveMetric(Metric):
    """A metric whose counts are added up over images."""

    additive = True

    def statistic(self, evidence: Evidence) -> Statistic:
        return Additive(self.tally(evidence), lambda sums: self.value(sums)[..., None])

    def score(self, evidence: Evidence, weights: AnyWeights = None) -> float:
        return float(self.value(self.tally(evidence).sums(weights)))


class RepeatedMetric(Metric):
    """A metric that each draw of a bootstrap computes anew."""

    most_work: ClassVar[int] = 2_000_000_000  # images x labels x draws: some ten seconds
    fewest_draws: ClassVar[int] = 100

    def prepared(self, evidence: Evidence) -> Repeated:
        """Return the score as a function of how often each image counts (N)."""
        raise NotImplementedError

    def statistic(self, evidence: Evidence) -> Statistic:
        work = max(1, len(evidence) * len(evidence.labels))
        return Anew(self.prepared(evidence), max(self.fewest_draws, self.most_work // work))

    def score(self, evidence: Evidence, weights: AnyWeights = None) -> float:
        return self.prepared(evidence)(weights)


_KINDS = {
    "one_of": "one right label for each image",
    "any_of": "any number of labels for each image",
    "number": "a number for each image",
}


def _kinds(kinds: frozenset[str]) -> str:
    return " or ".join(words for kind, words in _KINDS.items() if kind in kinds)


METRICS: Registry[Metric] = Registry("metric", "dataset.metrics")
