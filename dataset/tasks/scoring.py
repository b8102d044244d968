"""How a task is scored: the one place that asks its metrics."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.base import METRICS, Additive, Metric
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import label_counts, label_f1
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.means import mean_of
from dataset.metrics.tally import Tally
from dataset.tasks.questions import Choices, EvidenceLabels, Judge, Logits, Questions, Targets
from dataset.tasks.scorers import ScoredTogether, Scorer
from utils.errors import closest

Evidences = dict[str, Evidence]  # by question


@dataclass(frozen=True)
class AskedMetric:
    """A metric, and the questions over which the score is its mean."""

    metric: Metric
    questions: tuple[str, ...]
    name: str  # of the score


class Scoring(Questions):
    """A task that is scored by metrics: those of its competition, unless others are named."""

    own_metrics: ClassVar[tuple[Metric, ...]] = (MacroF1(), Accuracy())  # the first one decides
    share_names: ClassVar[tuple[str, ...]] = ()  # of the scores that ``other_shares`` adds
    _asked: tuple[AskedMetric, ...] | None = None

    @property
    def metrics(self) -> tuple[AskedMetric, ...]:
        """The competition's metrics; the first one decides."""
        return self._asked if self._asked is not None else self.own_asked

    @property
    def own_asked(self) -> tuple[AskedMetric, ...]:
        """What is asked where nobody names other metrics, and beside those that somebody names."""
        return tuple(AskedMetric(metric, self.main_questions, metric.name) for metric in self.own_metrics)

    def scored_by(self, chosen: Iterable[tuple[Metric, str | None]]) -> Self:
        """Return this task scored by these metrics first, and then by its own.

        Args:
            chosen: each with the question that it scores; None: those that decide the competition.

        Raises:
            ValueError: there is no such question, or it is none for that metric.
        """
        named = [self._named(metric, question) for metric, question in chosen]
        by_name: dict[str, AskedMetric] = {}
        for asked in (*named, *self.own_asked):
            by_name.setdefault(asked.name, asked)

        scored = copy.copy(self)
        scored._asked = tuple(by_name.values())
        return scored

    def _named(self, metric: Metric, about: str | None) -> AskedMetric:
        if about is not None and about not in self.questions:
            near = closest(about, self.questions)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"of = {about} is not one of {', '.join(self.questions)}.{hint}")

        questions = self.main_questions if about is None else (about,)
        for question in questions:
            try:
                metric.check(self.questions[question], self.space_of(question).kind)
            except ValueError as error:
                raise ValueError(f"{error}{self._instead(metric, questions)}") from None
        name = metric.name if questions == self.main_questions else f"{about}/{metric.name}"
        return AskedMetric(metric, questions, name)

    def _instead(self, metric: Metric, questions: Iterable[str]) -> str:
        """Return which question a metric can score, or which other metrics can score these, in words."""

        def scores(other: Metric, question: str) -> bool:
            return other.scores(self.questions[question], self.space_of(question).kind)

        fitting = [question for question in self.questions if scores(metric, question)]
        if fitting:
            return f"; write of = {fitting[-1]} for that question"

        metrics = [METRICS.get(name) for name in METRICS.names() if _has_defaults(name)]
        others = [cls for cls in metrics if all(scores(cls(), question) for question in questions)]
        if type(metric) in others:  # but for its options, about which the error is
            return ""
        return f"; for that there are {', '.join(cls.__name__ for cls in others)}"

    @property
    def main_scores(self) -> tuple[str, ...]:
        """The names of the competition's scores; the first one decides."""
        return tuple(asked.name for asked in self.metrics)

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of all scores: what ``[train] monitor`` may be, besides ``loss``."""
        names = dict.fromkeys(self.main_scores)
        for question, labels in self.questions.items():
            names |= dict.fromkeys(f"{question}/{metric.name}" for metric in self.metrics_of(question))
            if not self.space_of(question).numeric:
                names |= dict.fromkeys(f"{question}/f1/{label}" for label in labels)
        return (*names, *(name for name in self.share_names if name not in names))

    def direction(self, score: str) -> int:
        """Return 1 where more of a score, or of the ``loss``, is better, and -1 where less is."""
        return -1 if score == "loss" or score in self._lower else 1

    @property
    def _lower(self) -> frozenset[str]:
        worse = [asked for asked in self.metrics if not asked.metric.higher_is_better]
        of_questions = (f"{question}/{asked.metric.name}" for question in self.questions for asked in worse)
        return frozenset((*of_questions, *(asked.name for asked in worse)))

    def metrics_of(self, question: str) -> list[Metric]:
        """Return the metrics that say something of one question."""
        labels, kind = self.questions[question], self.space_of(question).kind
        by_name: dict[str, Metric] = {}
        for asked in self.metrics:
            elsewhere = question not in asked.questions
            if asked.metric.together or (elsewhere and not asked.metric.scores(labels, kind)):
                continue
            by_name.setdefault(asked.metric.name, asked.metric)
        return list(by_name.values())

    def evidence(self, logits: Logits, targets: Targets) -> Evidences:
        """Return what metrics are given, by question; what was answered is decided when one asks."""
        chosen = cache(lambda: self.as_evidence(self.decide(logits)))
        sure = cache(lambda: self.sure(self.probabilities(logits)))
        return self._evidence(self.as_evidence(targets), chosen, sure)

    def evidence_of(self, choices: Choices, targets: Targets) -> Evidences:
        """Return the same of choices that are made; how sure they are nobody knows."""
        chosen = self.as_evidence(choices)

        def sure() -> dict[str, Tensor]:
            raise NotImplementedError("choices have no probabilities")

        return self._evidence(self.as_evidence(targets), lambda: chosen, sure)

    def _evidence(self, true: EvidenceLabels, chosen: Any, sure: Any) -> Evidences:
        def of_question(question: str, labels: tuple[str, ...]) -> Evidence:
            def probabilities() -> NDArray[Any]:
                return np.asarray(sure()[question].cpu().numpy())

            kind = self.space_of(question).evidence
            return kind(labels, true[question], lambda: chosen()[question], probabilities)

        return {question: of_question(question, labels) for question, labels in self.questions.items()}

    def scores(self, logits: Logits, targets: Targets) -> dict[str, float]:
        """Return all scores; ``direction`` says of each which way is better.

        Each of ``main_scores`` is the competition's; ``<question>/<score>`` and ``<question>/f1/<label>``
        are each question's.
        """
        return self.scorer(logits, targets)()

    def scorer(self, logits: Logits, targets: Targets) -> Scorer:
        """Return what gives these scores where an image counts several times, or not at all.

        Everything that does not depend on that is done before it returns: a bootstrap asks a thousand
        times.
        """
        evidence = self.evidence(logits, targets)
        parts = [part for question in self.questions for part in self._parts_of(question, evidence[question])]
        parts += self._together(evidence)
        if self.share_names:
            parts.append(self._shares(self.decide(logits), targets))
        return Scorer(parts, self._means(), self._lower)

    def main_scorer(self, logits: Logits, targets: Targets) -> Scorer:
        """Return what gives the ``main_scores``, and what they are the means of."""
        evidence = self.evidence(logits, targets)
        wanted = dict.fromkeys(
            (question, asked.metric)
            for asked in self.metrics
            if not asked.metric.together
            for question in asked.questions
        )
        parts = [
            ScoredTogether((f"{question}/{metric.name}",), metric.statistic(evidence[question]))
            for question, metric in wanted
        ]
        return Scorer([*parts, *self._together(evidence)], self._means(), self._lower)

    def _parts_of(self, question: str, evidence: Evidence) -> list[ScoredTogether]:
        parts = [
            ScoredTogether((f"{question}/{metric.name}",), metric.statistic(evidence))
            for metric in self.metrics_of(question)
        ]
        if self.space_of(question).numeric:
            return parts
        labels = tuple(f"{question}/f1/{label}" for label in evidence.labels)
        return [*parts, ScoredTogether(labels, Additive(label_counts(evidence), label_f1))]

    def _together(self, evidence: Evidences) -> list[ScoredTogether]:
        return [
            ScoredTogether((asked.name,), asked.metric.statistic(self._joined(asked, evidence)))
            for asked in self.metrics
            if asked.metric.together
        ]

    def _joined(self, asked: AskedMetric, evidence: Evidences) -> Evidence:
        return asked.metric.joined([evidence[question] for question in asked.questions])

    def _means(self) -> dict[str, Sequence[str]]:
        return {
            asked.name: [f"{question}/{asked.metric.name}" for question in asked.questions]
            if not asked.metric.together
            else [asked.name]
            for asked in self.metrics
        }

    def _shares(self, choices: Choices, targets: Targets) -> ScoredTogether:
        shares = self.other_shares(choices, targets)
        images = np.arange(len(next(iter(targets.values()))))
        tally = Tally.of_sums(images, *(marks for pair in shares.values() for marks in pair))
        return ScoredTogether(
            tuple(shares), Additive(tally, lambda sums: mean_of(sums.reshape(*sums.shape[:-1], -1, 2)))
        )

    def other_shares(
        self, choices: Choices, targets: Targets
    ) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Return by name which images (N) are right in some other sense, and which are counted."""
        return {}

    def judge(self, targets: Targets) -> Judge:
        """Return what gives the first main score of any probabilities, for a search that asks often.

        Everything about the targets is done before it returns.
        """
        true, asked = self.as_evidence(targets), self.metrics[0]

        def score(probabilities: Mapping[str, Tensor]) -> float:
            # In float32, where the same probabilities are equal as in the scores.
            sure = cache(
                lambda: self.sure({space: values.float() for space, values in probabilities.items()})
            )
            evidence = self._evidence(true, cache(lambda: self.chosen(probabilities)), sure)
            if asked.metric.together:
                return asked.metric.score(self._joined(asked, evidence))
            values = [asked.metric.score(evidence[question]) for question in asked.questions]
            return float(np.mean(values)) if len(values) > 1 else values[0]

        return score

    def chosen(self, probabilities: Mapping[str, Tensor]) -> EvidenceLabels:
        """Return the answers to each question that follow from probabilities (N, K) by space."""
        logits = {space.name: space.logits(probabilities[space.name]) for space in self.spaces}
        return self.as_evidence(self.decide(logits))


def _has_defaults(metric: str) -> bool:
    """Return whether a metric can be made without an option."""
    return all(option.default is not option.empty for option in METRICS.schema(metric).values())
