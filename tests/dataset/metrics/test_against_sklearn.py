"""Every metric against scikit-learn's, or its formula, with ties, labels on no image, and weights."""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as theirs
from hypothesis import given
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.average_precision import AveragePrecision
from dataset.metrics.balanced_accuracy import BalancedAccuracy
from dataset.metrics.base import Metric
from dataset.metrics.evidence import OneOfEvidence
from dataset.metrics.exact_paths import ExactPaths
from dataset.metrics.f_beta import FBeta
from dataset.metrics.log_loss import LogLoss
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.mae import MAE
from dataset.metrics.map_at_k import MapAtK
from dataset.metrics.matthews import Matthews
from dataset.metrics.micro_f1 import MicroF1
from dataset.metrics.pearson import Pearson
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.r2 import R2
from dataset.metrics.rmse import RMSE
from dataset.metrics.roc_auc import RocAuc
from dataset.metrics.samples_f1 import SamplesF1
from dataset.metrics.spearman import Spearman
from dataset.metrics.top_k import TopK
from tests.dataset.metrics.asked import Question, any_of, one_of


@pytest.fixture(autouse=True)
def _quiet():
    """Silence what scikit-learn says of labels on no image, which is what these tests are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def both(metric: Metric, question: Question) -> tuple[float, float]:
    """Return the score of all images once, and that with the weights, in both ways that it can be asked."""
    plain, weighted = (metric.score(question.evidence, of) for of in (None, question.weights))
    statistic = metric.statistic(question.evidence)
    assert statistic.once(None)[0] == pytest.approx(plain, abs=1e-12)
    assert statistic.once(question.weights)[0] == pytest.approx(weighted, abs=1e-12)
    return plain, weighted


def agree(metric, question, reference):
    """Compare with a function of (true, chosen, sure, sample_weight)."""
    true, chosen, sure = question.true, question.chosen, question.sure
    expected = [reference(true, chosen, sure, of) for of in (None, question.counted)]
    assert both(metric, question) == pytest.approx(expected, abs=1e-9)


@given(one_of())
def test_f1_accuracy_and_matthews_of_one_label(question):
    labels = range(question.labels)
    options = {"labels": labels, "zero_division": 0}
    agree(
        MacroF1(),
        question,
        lambda t, c, s, w: theirs.f1_score(t, c, average="macro", sample_weight=w, **options),
    )
    agree(
        MicroF1(),
        question,
        lambda t, c, s, w: theirs.f1_score(t, c, average="micro", sample_weight=w, **options),
    )
    for beta in (0.5, 2.0):
        for average in ("macro", "micro"):
            agree(
                FBeta(beta=beta, average=average), question,
                lambda t, c, s, w, b=beta, a=average: theirs.fbeta_score(
                    t, c, beta=b, average=a, sample_weight=w, **options
                ),
            )  # fmt: skip
    agree(Accuracy(), question, lambda t, c, s, w: theirs.accuracy_score(t, c, sample_weight=w))
    agree(BalancedAccuracy(), question, balanced)
    agree(Matthews(), question, lambda t, c, s, w: theirs.matthews_corrcoef(t, c, sample_weight=w))


def balanced(true, chosen, sure, weights):
    if weights is not None:  # theirs takes a label whose images all count 0 for one that is there
        true, chosen, weights = (of[weights > 0] for of in (true, chosen, weights))
    return theirs.balanced_accuracy_score(true, chosen, sample_weight=weights)


@given(one_of())
def test_quadratic_kappa(question):
    def kappa(true, chosen, sure, weights):
        labels = list(range(question.labels))
        found = theirs.cohen_kappa_score(
            true, chosen, labels=labels, weights="quadratic", sample_weight=weights
        )
        return 0.0 if math.isnan(found) else found

    agree(QuadraticKappa(), question, kappa)


@given(one_of())
def test_log_loss_of_one_label(question):
    labels = list(range(question.labels))
    agree(LogLoss(), question, lambda t, c, s, w: theirs.log_loss(t, s, labels=labels, sample_weight=w))


@given(any_of())
def test_log_loss_of_any_labels_is_the_mean_of_the_columns(question):
    def columns(true, chosen, sure, weights):
        pairs = zip(true.T, sure.T, strict=True)
        return np.mean([theirs.log_loss(t, s, labels=[0, 1], sample_weight=weights) for t, s in pairs])

    agree(LogLoss(clip=np.finfo(float).eps), question, columns)


@given(one_of(least=3))
def test_top_k_and_map_at_k_of_one_label(question):
    labels = list(range(question.labels))
    for k in (1, 2):
        agree(
            TopK(k=k), question,
            lambda t, c, s, w, k=k: theirs.top_k_accuracy_score(t, s, k=k, labels=labels, sample_weight=w),
        )  # fmt: skip

        def at_k(true, chosen, sure, weights, k=k):
            places = np.argsort(sure, axis=1, kind="stable")[:, ::-1] == true[:, None]
            place = places.argmax(axis=1)
            return np.average(np.where(place < k, 1 / (place + 1), 0.0), weights=weights)

        agree(MapAtK(k=k), question, at_k)


@given(any_of())
def test_map_at_k_of_any_labels_is_that_of_the_usual_loop(question):
    def loop(true, chosen, sure, weights):
        scores = []
        for marks, values in zip(true, sure, strict=True):
            order = np.argsort(values, kind="stable")[::-1][:3]
            right, total = 0, 0.0
            for place, label in enumerate(order, start=1):
                if marks[label]:
                    right += 1
                    total += right / place
            scores.append(total / min(3, marks.sum()) if marks.any() else 0.0)
        return np.average(scores, weights=weights)

    agree(MapAtK(k=3), question, loop)


@given(any_of())
def test_f1_and_accuracy_of_any_labels(question):
    for average, metric in (("macro", MacroF1()), ("micro", MicroF1()), ("samples", SamplesF1())):
        agree(
            metric, question,
            lambda t, c, s, w, a=average: theirs.f1_score(t, c, average=a, zero_division=0, sample_weight=w),
        )  # fmt: skip
        agree(
            FBeta(beta=2, average=average), question,
            lambda t, c, s, w, a=average: theirs.fbeta_score(
                t, c, beta=2, average=a, zero_division=0, sample_weight=w
            ),
        )  # fmt: skip
    agree(
        SamplesF1(empty=1.0), question,
        lambda t, c, s, w: theirs.f1_score(t, c, average="samples", zero_division=1, sample_weight=w),
    )  # fmt: skip
    agree(Accuracy(), question, lambda t, c, s, w: theirs.accuracy_score(t, c, sample_weight=w))


def column_auc(true, sure, weights, **options):
    """Return the mean over columns in which there are both kinds; None where there is none."""
    weights = np.ones(len(true)) if weights is None else weights
    areas = []
    for has, values in zip(true.T, sure.T, strict=True):
        seen = weights > 0
        if len(set(has[seen])) == 2:
            areas.append(
                theirs.roc_auc_score(has[seen], values[seen], sample_weight=weights[seen], **options)
            )
    return np.mean(areas) if areas else 0.5


@given(any_of())
def test_roc_auc_of_any_labels_is_the_mean_of_the_columns(question):
    agree(RocAuc(), question, lambda t, c, s, w: column_auc(t, s, w))


@given(one_of(least=3))
def test_roc_auc_of_several_labels_is_the_mean_of_each_against_the_rest(question):
    one_hot = np.eye(question.labels, dtype=bool)
    agree(RocAuc(), question, lambda t, c, s, w: column_auc(one_hot[t], s, w))


@given(one_of(most=2))
def test_roc_auc_of_two_labels_is_that_of_the_positive_one(question):
    agree(RocAuc(), question, lambda t, c, s, w: column_auc(t[:, None] == 1, s[:, 1:], w))
    agree(RocAuc(positive="0"), question, lambda t, c, s, w: column_auc(t[:, None] == 0, s[:, :1], w))


@given(one_of(most=2))
def test_partial_auc_above_a_sensitivity_is_that_of_the_isic_2024_competition(question):
    def partial(true, chosen, sure, weights, above=0.8):
        seen = slice(None) if weights is None else weights > 0
        weights = None if weights is None else weights[seen]
        if len(set(true[seen])) < 2:
            return (1 - above) ** 2 / 2
        # As its organisers computed it: both labels exchanged, and McClish's correction undone.
        largest = 1 - above
        scaled = theirs.roc_auc_score(
            1 - true[seen], -sure[seen][:, 1], max_fpr=largest, sample_weight=weights
        )
        least = largest**2 / 2
        return least + (largest - least) / 0.5 * (scaled - 0.5)

    agree(RocAuc(above=0.8), question, partial)


@given(any_of())
def test_average_precision_is_the_mean_of_the_labels_that_some_image_has(question):
    def mean(true, chosen, sure, weights):
        weights = np.ones(len(true)) if weights is None else weights
        each = [
            theirs.average_precision_score(has, values, sample_weight=weights)
            for has, values in zip(true.T, sure.T, strict=True)
            if has[weights > 0].any()
        ]
        return np.mean(each) if each else 0.0

    agree(AveragePrecision(), question, mean)


@given(one_of(most=2))
def test_average_precision_of_two_labels_is_that_of_the_positive_one(question):
    def second(true, chosen, sure, weights):
        counted = np.ones(len(true)) if weights is None else weights
        if not true[counted > 0].any():
            return 0.0
        return theirs.average_precision_score(true, sure[:, 1], sample_weight=weights)

    agree(AveragePrecision(), question, second)


@given(one_of())
def test_errors_and_correlations_of_labels_that_are_numbers(question):
    """Labels 0, 1, 2, ... are their own numbers."""
    agree(RMSE(), question, lambda t, c, s, w: theirs.root_mean_squared_error(t, c, sample_weight=w))
    agree(MAE(), question, lambda t, c, s, w: theirs.mean_absolute_error(t, c, sample_weight=w))
    if len(question.true) > 1:
        agree(R2(), question, lambda t, c, s, w: theirs.r2_score(t, c, sample_weight=w))

    counts = question.counted.astype(np.int64)
    for metric, theirs_ in ((Pearson(), stats.pearsonr), (Spearman(), stats.spearmanr)):
        repeated = question.true.repeat(counts), question.chosen.repeat(counts)
        weights = np.zeros(len(question.weights), dtype=np.int64)
        weights[question.evidence.known] = counts
        varies = all(len(set(of.tolist())) > 1 for of in repeated)
        expected = theirs_(*repeated).statistic if varies else 0.0
        assert metric.score(question.evidence, weights) == pytest.approx(expected, abs=1e-9)


def test_exact_paths_count_images_that_are_right_in_all_questions_in_which_they_are_labelled():
    first = OneOfEvidence(
        ("a", "b"), np.array([0, 1, 0, -1, -1]), lambda: np.array([0, 1, 1, 0, 0]), np.zeros
    )
    second = OneOfEvidence(
        ("c", "d"), np.array([0, -1, 0, 1, -1]), lambda: np.array([0, 0, 0, 0, 0]), np.zeros
    )
    metric = ExactPaths()
    evidence = metric.joined([first, second])
    assert metric.score(evidence) == 2 / 4
    assert metric.score(evidence, np.array([3, 0, 1, 0, 9])) == 3 / 4


def test_numbers_far_from_0_keep_their_correlation():
    labels = tuple(str(1_000_000_000 + i) for i in range(4))
    true, chosen = np.array([0, 1, 2, 3, 1]), np.array([0, 1, 3, 2, 1])
    evidence = OneOfEvidence(labels, true, lambda: chosen, np.zeros)
    assert Pearson().score(evidence) == pytest.approx(stats.pearsonr(true, chosen).statistic, abs=1e-9)
    assert R2().score(evidence) == pytest.approx(theirs.r2_score(true, chosen), abs=1e-9)
