"""What a benchmark finds: rows that are printed as a table and as JSON, one line each."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Target:
    """A number that a figure should not be below, or not above."""

    value: float
    at_least: bool = True

    def met(self, figure: float) -> bool:
        return figure >= self.value if self.at_least else figure <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Podium against a peer: ``ratio`` is above 1 where Podium is the faster one."""

    benchmark: str
    what: str
    against: str
    unit: str  # img/s, or s; of seconds fewer are better
    podium: Sequence[float]  # of each turn
    peer: Sequence[float]
    target: Target | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        ours, theirs = median(self.podium), median(self.peer)
        return theirs / ours if self.unit == "s" else ours / theirs

    def line(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "benchmark": self.benchmark, "kind": "ratio", "what": self.what, "against": self.against,
            "unit": self.unit, "ratio": _short(self.ratio), "podium": _short(median(self.podium)),
            "peer": _short(median(self.peer)), **_judged(self.target, self.ratio),
            "podium_turns": [_short(value) for value in self.podium],
            "peer_turns": [_short(value) for value in self.peer], **self.facts,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of Podium alone."""

    benchmark: str
    what: str
    unit: str
    values: Sequence[float]  # of each turn
    target: Target | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """Return the row for JSON."""
        value = median(self.values)
        return {
            "benchmark": self.benchmark, "kind": "figure", "what": self.what, "unit": self.unit,
            "podium": _short(value), **_judged(self.target, value),
            "podium_turns": [_short(turn) for turn in self.values], **self.facts,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How a cost grows with the size of the work: ``cost ~ size^slope``.

    ``per_unit`` is the other reading, by a straight line: what one more unit of size adds to the cost.

    Args:
        added: the unit of ``per_unit``, and how many of it the unit of the costs is; () = the same unit.
        target: for the exponent, or with ``by_unit`` for what one more adds.
    """

    benchmark: str
    what: str
    of: str  # what grows
    unit: str
    sizes: Sequence[float]
    costs: Sequence[float]  # medians
    added: tuple[()] | tuple[str, float] = ()
    target: Target | None = None
    by_unit: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """Return the row for JSON."""
        unit, times = self.added or (self.unit, 1.0)
        slope, per_unit = (fit(self.sizes, self.costs) for fit in (log_slope, straight_slope))
        judged = _judged(self.target, times * per_unit if self.by_unit else slope)
        if self.target:
            judged["target"] = f"{self.target} {unit}" if self.by_unit else f"exponent {self.target}"
        return {
            "benchmark": self.benchmark, "kind": "growth", "what": self.what, "of": self.of,
            "unit": self.unit, "slope": round(slope, 3), "per_unit": _short(times * per_unit),
            "per_unit_unit": unit, **judged, "sizes": list(self.sizes),
            "costs": [_short(cost) for cost in self.costs], **self.facts,
        }  # fmt: skip


ResultRow = Ratio | Figure | Growth


def log_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent p of the least-squares fit ``cost = c * size^p`` in logarithms.

    Raises:
        ValueError: there are fewer than two sizes, or a number is not above 0.
    """
    return straight_slope([_log(size) for size in sizes], [_log(cost) for cost in costs])


def straight_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the least-squares line through the points.

    Raises:
        ValueError: there are fewer than two different sizes.
    """
    if len(set(sizes)) < 2:
        raise ValueError(f"A slope needs two different sizes, not {list(sizes)}.")
    x, y = np.asarray(sizes, float), np.asarray(costs, float)
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


def report(rows: Sequence[ResultRow]) -> None:
    """Print rows as a table to read, then each as one line of JSON."""
    lines = [row.line() for row in rows]
    for kind, (head, cells) in TABLES.items():
        if of_kind := [line for line in lines if line["kind"] == kind]:
            print(aligned([head, *(cells(line) for line in of_kind)]), end="\n\n")
    for line in lines:
        print(json.dumps(line))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def number(value: float) -> str:
    """Return a figure with three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def verdict(line: dict[str, Any]) -> str:
    """Return whether a line's target was met, as a word; nothing where there is none."""
    return ("met" if line["met"] else "missed") if "met" in line else ""


def _ratio_cells(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        line["what"], line["against"], f"{number(line['podium'])} {line['unit']}",
        f"{number(line['peer'])} {line['unit']}", f"{line['ratio']:.2f}", line["target"], verdict(line),
    )  # fmt: skip


def _figure_cells(line: dict[str, Any]) -> tuple[str, ...]:
    return line["what"], f"{number(line['podium'])} {line['unit']}", line["target"], verdict(line)


def _growth_cells(line: dict[str, Any]) -> tuple[str, ...]:
    points = ", ".join(
        f"{size:,.0f}: {number(cost)}" for size, cost in zip(line["sizes"], line["costs"], strict=True)
    )
    per_unit = f"{number(line['per_unit'])} {line['per_unit_unit']}"
    return (
        f"{line['what']} ~ {line['of']}",
        points,
        line["unit"],
        f"{line['slope']:.2f}",
        per_unit,
        line["target"],
        verdict(line),
    )


# By kind of line: the head of its table, and a line's cells.
TABLES = {
    "ratio": (("what", "against", "Podium", "peer", "ratio", "target", ""), _ratio_cells),
    "figure": (("what", "Podium", "target", ""), _figure_cells),
    "growth": (("what", "medians", "unit", "exponent", "one more adds", "target", ""), _growth_cells),
}


def _judged(target: Target | None, figure: float) -> dict[str, Any]:
    return {"target": str(target or "")} | ({"met": target.met(figure)} if target else {})


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _log(value: float) -> float:
    if value <= 0:
        raise ValueError(f"A logarithm needs a number above 0, not {value}.")
    return math.log(value)
