"""The tables of a report: what stands in their columns, as CSV, text and HTML."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import chain

from inference.label_report import LabelRate, LabelScore
from tools.review.calibration import Reliability
from tools.review.mistakes import Mistake
from tools.review.subsets import SubsetScore
from utils.metrics import in_words
from utils.shortened import MOST
from utils.text_table import Cells

BINS = ("question", "confidence from", "to", "answers", "groups", "mean confidence", "right", "low", "high")
PARTS = ("by", "value", "groups", "images", "question", "score", "mean", "low", "high")
MISTAKES = ("question", "label", "answer", "probability", "probability of the label", "group", "file")
_RATES = ("precision", "recall", "F1")
LABELS = (
    *("question", "label", "groups", "images", "answers"),
    *(f"{rate}{end}" for rate in _RATES for end in ("", " low", " high")),
)
_NONE = "-"  # where there is nothing to divide by


def calibration(reliabilities: Mapping[str, Reliability]) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows: how sure the answers to each question are and how often right."""
    columns = ("question", "answers", "groups", "says", "true", "error", "95 %", "it is")
    return columns, [_calibrated(*pair) for pair in reliabilities.items()]


def _calibrated(question: str, reliability: Reliability) -> Cells:
    means = (reliability.confidence, reliability.accuracy, reliability.error)
    return (
        question,
        reliability.answers,
        reliability.groups,
        *(f"{mean:.4f}" for mean in means),
        str(reliability.interval),
        reliability.verdict,
    )


def bins(reliabilities: Mapping[str, Reliability]) -> Iterator[Cells]:
    """Yield a row of ``BINS`` for each bin of each question."""
    for question, reliability in reliabilities.items():
        for part in reliability.bins:
            values = (part.confidence, part.accuracy, part.interval.low, part.interval.high)
            ends = (f"{part.low:.4f}", f"{part.high:.4f}")
            yield (question, *ends, part.answers, part.groups, *(f"{value:.4f}" for value in values))


def part(score: SubsetScore) -> Cells:
    """Return a row of ``PARTS``."""
    ends = (score.interval.low, score.interval.high) if score.groups > 1 else (math.nan, math.nan)
    subset = (score.subset.by, score.subset.value, score.groups, score.images)
    return (*subset, score.question, in_words(score.score), *_numbers((score.value, *ends)))


def label(score: LabelScore) -> Cells:
    """Return a row of ``LABELS``."""
    values: list[float] = []
    for rate in _rates(score):
        values += (rate.value, rate.interval.low, rate.interval.high)
    return (score.question, score.label, score.groups, score.images, score.answers, *_numbers(values))


def worst_labels(scores: Sequence[LabelScore]) -> tuple[list[LabelScore], int]:
    """Return of each question its labels, or of more than 20 those with the lowest F1; and how many more."""
    by_question: dict[str, list[LabelScore]] = {}
    for score in scores:
        by_question.setdefault(score.question, []).append(score)
    shown = []
    for labels in by_question.values():
        if len(labels) > MOST:
            there = [score for score in labels if score.images]
            labels = sorted(there, key=lambda score: score.f1.value)[:MOST]
        shown += labels
    return shown, len(scores) - len(shown)


def labels_in_short(scores: Sequence[LabelScore]) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows for people: each label's precision, recall, and F1 with its interval."""
    columns = ("label", "groups", "images", "answers", *_RATES, "95 %")
    return columns, list(map(_label_in_short, scores))


def _label_in_short(score: LabelScore) -> Cells:
    counts = (score.groups, score.images, score.answers)
    interval = _NONE if math.isnan(score.f1.value) else str(score.f1.interval)
    return (
        f"{score.question} {score.label}",
        *counts,
        *(_number(rate.value) for rate in _rates(score)),
        interval,
    )


def parts_in_short(scores: Sequence[SubsetScore], question: str) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows for people: a question's scores on each part, as far as it has them."""
    by_part: dict[tuple[str, str], dict[str, SubsetScore]] = {}
    for score in scores:
        if score.question == question:
            by_part.setdefault((score.subset.by, score.subset.value), {})[score.score] = score
    names = list(dict.fromkeys(chain.from_iterable(by_part.values())))

    columns = [f"{question}, in the images of", "groups", "images"]
    for name in names:
        columns += (in_words(name), "95 %")
    rows: list[Cells] = []
    for (by, value), of_part in by_part.items():
        first = next(iter(of_part.values()))
        cells = [_value_and_interval(of_part.get(name)) for name in names]
        rows.append((f"{by} {value}", first.groups, first.images, *chain.from_iterable(cells)))
    return tuple(columns), rows


def _value_and_interval(score: SubsetScore | None) -> tuple[str, str]:
    """Return a score as two cells; of one group, which every draw repeats, there is no interval."""
    if score is None:
        return _NONE, _NONE
    return f"{score.value:.4f}", str(score.interval) if score.groups > 1 else _NONE


def of_each_label(mistakes: Iterable[Mistake]) -> tuple[dict[tuple[str, str], list[Mistake]], int]:
    """Return mistakes by label, of each question the 20 labels with the most; and how many more there are."""
    by_label: dict[tuple[str, str], list[Mistake]] = {}
    for mistake in mistakes:
        by_label.setdefault((mistake.question, mistake.label), []).append(mistake)
    kept: set[tuple[str, str]] = set()
    for question in {question for question, _ in by_label}:
        labels = [key for key in by_label if key[0] == question]
        kept.update(sorted(labels, key=lambda key: -len(by_label[key]))[:MOST])
    return {key: by_label[key] for key in by_label if key in kept}, len(by_label) - len(kept)


def with_groups(
    columns: tuple[str, ...], rows: Sequence[Cells], called: str
) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows with what groups are called; without them where each image is its own."""
    kept = [i for i, column in enumerate(columns) if column != "groups" or called != "images"]
    names = [called if column == "groups" else column for column in columns]
    cells = [tuple(row[i] for i in kept) for row in rows]
    return tuple(names[i] for i in kept), cells


def html_table(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(map(_html_row, rows))
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def _html_row(row: Cells) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"


def _rates(score: LabelScore) -> tuple[LabelRate, LabelRate, LabelRate]:
    return score.precision, score.recall, score.f1


def _number(value: float, none: str = _NONE) -> str:
    return none if math.isnan(value) else f"{value:.4f}"


def _numbers(values: Iterable[float]) -> tuple[str, ...]:
    """Return numbers for a CSV, where a program reads an empty cell as none."""
    return tuple(_number(value, "") for value in values)
