"""The tables of a report: what stands in their columns, as CSV, text and HTML."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from inference.label_report import LabelScore, Rate
from tools.review.calibration import Reliability
from tools.review.mistakes import Mistake
from tools.review.subsets import Subset, SubsetScore
from utils.metrics import in_words
from utils.shortened import MOST
from utils.tables import for_spreadsheet

Cells = tuple[str | int, ...]
BINS = ("view", "confidence from", "to", "answers", "groups", "mean confidence", "right", "low", "high")
PARTS = ("by", "value", "groups", "images", "view", "score", "mean", "low", "high")
MISTAKES = ("view", "label", "said", "probability", "probability of the label", "group", "file")
_RATES = ("precision", "recall", "F1")
LABELS = (
    *("view", "label", "groups", "images", "answers"),
    *(f"{rate}{end}" for rate in _RATES for end in ("", " low", " high")),
)
_NONE = "-"  # where there is nothing to divide by


def calibration(found: Mapping[str, Reliability]) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows: how sure each view is and how often right."""
    columns = ("label space", "answers", "groups", "says", "true", "error", "95 %", "it is")
    rows: list[Cells] = [
        (
            view,
            one.answers,
            one.groups,
            f"{one.confidence:.4f}",
            f"{one.accuracy:.4f}",
            f"{one.error:.4f}",
            str(one.interval),
            one.verdict,
        )
        for view, one in found.items()
    ]
    return columns, rows


def bins(found: Mapping[str, Reliability]) -> Iterator[Cells]:
    """Yield a row of ``BINS`` for each bin of each view."""
    for view, one in found.items():
        for part in one.bins:
            values = (part.confidence, part.accuracy, part.interval.low, part.interval.high)
            ends = (f"{part.low:.4f}", f"{part.high:.4f}")
            yield (view, *ends, part.answers, part.groups, *(f"{value:.4f}" for value in values))


def part(one: SubsetScore) -> Cells:
    """Return a row of ``PARTS``."""
    ends = (one.interval.low, one.interval.high) if one.groups > 1 else (math.nan, math.nan)
    of = (one.subset.by, one.subset.value, one.groups, one.images, one.view, in_words(one.score))
    return (*of, *_numbers((one.value, *ends)))


def label(one: LabelScore) -> Cells:
    """Return a row of ``LABELS``."""
    values = [v for r in _rates(one) for v in (r.value, r.interval.low, r.interval.high)]
    return (one.view, one.label, one.groups, one.images, one.answers, *_numbers(values))


def worst_labels(scores: Sequence[LabelScore]) -> tuple[list[LabelScore], int]:
    """Return of each view its labels, or of more than 20 those with the lowest F1; and how many more."""
    of_view: dict[str, list[LabelScore]] = {}
    for one in scores:
        of_view.setdefault(one.view, []).append(one)
    shown = []
    for labels in of_view.values():
        if len(labels) > MOST:
            there = [one for one in labels if one.images]
            labels = sorted(there, key=lambda one: one.f1.value)[:MOST]
        shown += labels
    return shown, len(scores) - len(shown)


def labels_in_short(scores: Sequence[LabelScore]) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows for people: each label's precision, recall, and F1 with its interval."""
    columns = ("label", "groups", "images", "answers", *_RATES, "95 %")
    rows: list[Cells] = [
        (
            f"{one.view} {one.label}",
            one.groups,
            one.images,
            one.answers,
            *(_number(rate.value) for rate in _rates(one)),
            _NONE if math.isnan(one.f1.value) else str(one.f1.interval),
        )
        for one in scores
    ]
    return columns, rows


def parts_in_short(parts: Sequence[SubsetScore], view: str) -> tuple[tuple[str, ...], list[Cells]]:
    """Return columns and rows for people: a view's scores on each part, as far as it has them."""
    of_part: dict[tuple[str, str], tuple[Subset, dict[str, SubsetScore]]] = {}
    for one in parts:
        if one.view == view:
            subset = one.subset
            of_part.setdefault((subset.by, subset.value), (subset, {}))[1][one.score] = one
    names = list(dict.fromkeys(score for _, scores in of_part.values() for score in scores))
    columns = (
        f"{view}, in the images of",
        "groups",
        "images",
        *(w for n in names for w in (in_words(n), "95 %")),
    )
    rows: list[Cells] = []
    for subset, scores in of_part.values():
        first = next(iter(scores.values()))
        cells = [
            cell
            for name in names
            for cell in (
                (f"{scores[name].value:.4f}", _interval(scores[name])) if name in scores else (_NONE, _NONE)
            )
        ]
        rows.append((f"{subset.by} {subset.value}", first.groups, first.images, *cells))
    return columns, rows


def of_each_label(mistakes: Iterable[Mistake]) -> tuple[dict[tuple[str, str], list[Mistake]], int]:
    """Return mistakes by label, in each view of the 20 labels with the most; and how many more there are."""
    of_label: dict[tuple[str, str], list[Mistake]] = {}
    for one in mistakes:
        of_label.setdefault((one.view, one.label), []).append(one)
    kept = set()
    for view in {view for view, _ in of_label}:
        own = [key for key in of_label if key[0] == view]
        kept |= set(sorted(own, key=lambda key: -len(of_label[key]))[:MOST])
    return {key: of for key, of in of_label.items() if key in kept}, len(of_label) - len(kept)


def guarded(cells: Cells) -> Cells:
    """Return a row whose texts no spreadsheet takes for formulas."""
    return tuple(for_spreadsheet(cell) if isinstance(cell, str) else cell for cell in cells)


def html_table(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def _rates(one: LabelScore) -> tuple[Rate, Rate, Rate]:
    return one.precision, one.recall, one.f1


def _interval(one: SubsetScore) -> str:
    """Return an interval; of one group, which every draw repeats, there is none."""
    return str(one.interval) if one.groups > 1 else _NONE


def _number(value: float, none: str = _NONE) -> str:
    return none if math.isnan(value) else f"{value:.4f}"


def _numbers(values: Iterable[float]) -> tuple[str, ...]:
    """Return numbers for a CSV, where a program reads an empty cell as none."""
    return tuple(_number(value, "") for value in values)
