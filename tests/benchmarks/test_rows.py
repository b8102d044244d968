"""The arithmetic and the words of what benchmarks print."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rows import Figure, Growth, Ratio, Target, aligned, log_slope, number, report, straight_slope

SIZES = st.lists(st.floats(1, 1e6), min_size=2, max_size=8, unique_by=lambda size: round(size, 2))


@given(SIZES, st.floats(-2, 2), st.floats(1e-3, 1e3))
def test_the_exponent_of_a_power_law_is_found(sizes, exponent, factor):
    costs = [factor * size**exponent for size in sizes]
    if max(sizes) > 1.1 * min(sizes):
        assert log_slope(sizes, costs) == pytest.approx(exponent, abs=1e-6)


def test_slopes_are_those_of_numpy_on_noisy_points():
    rng = np.random.default_rng(0)
    sizes, costs = rng.uniform(1, 100, 9), rng.uniform(1, 100, 9)
    assert straight_slope(sizes, costs) == pytest.approx(np.polyfit(sizes, costs, 1)[0])
    assert log_slope(sizes, costs) == pytest.approx(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def test_a_slope_of_one_size_is_refused():
    with pytest.raises(ValueError, match="two different sizes"):
        log_slope([5, 5], [1, 2])
    with pytest.raises(ValueError, match="above 0"):
        log_slope([5, 6], [0, 2])


def ratio(unit, podium, peer, target=None):
    return Ratio(
        benchmark="b", what="w", against="a", unit=unit, podium=podium, peer=peer, target=target,
        facts={"images": 7},
    )  # fmt: skip


def test_a_ratio_above_one_means_that_podium_is_faster_in_rates_and_in_seconds():
    assert ratio("img/s", [30, 10, 20], [10, 9, 11]).ratio == 2
    assert ratio("s", [30, 10, 20], [40, 39, 41]).ratio == 2


def test_a_target_is_met_at_its_value_and_missed_beyond():
    assert ratio("img/s", [2], [2], Target(1)).line()["met"]
    assert not ratio("img/s", [1.99], [2], Target(1)).line()["met"]
    below = Target(2, at_least=False)
    seconds = [Figure(benchmark="b", what="w", unit="s", values=[v], target=below) for v in (2, 2.01)]
    assert [figure.line()["met"] for figure in seconds] == [True, False]
    assert (str(Target(0.95)), str(below)) == (">= 0.95", "<= 2")


def test_a_line_has_both_medians_and_every_turn():
    line = ratio("img/s", [30, 10, 20], [10, 9, 11], Target(3)).line()
    assert (line["podium"], line["peer"], line["ratio"], line["met"]) == (20, 10, 2, False)
    assert (line["podium_turns"], line["peer_turns"], line["images"]) == ([30, 10, 20], [10, 9, 11], 7)


def test_a_report_is_a_table_and_then_a_line_of_json_for_each_row(capsys):
    grown = Growth(benchmark="b", what="time", of="images", unit="s", sizes=[1, 10, 100], costs=[2, 20, 200])
    rows = [ratio("s", [1], [2]), Figure(benchmark="b", what="w", unit="MB", values=[5]), grown]
    report(rows)
    printed = capsys.readouterr().out.splitlines()
    found = [json.loads(line) for line in printed if line.startswith("{")]
    assert [line["kind"] for line in found] == ["ratio", "figure", "growth"]
    assert (found[2]["slope"], found[2]["per_unit"]) == (1, 2)
    assert printed[0].split() == ["what", "against", "Podium", "peer", "ratio", "target"]


def test_growth_is_judged_by_its_exponent_or_by_what_one_more_adds_in_a_unit_of_its_own():
    facts = {"benchmark": "b", "what": "memory", "of": "images", "unit": "MB", "sizes": [1000, 3000]}
    below = Target(64, at_least=False)
    small = Growth(**facts, costs=[500, 500.1], added=("bytes", 2**20), target=below, by_unit=True).line()
    assert small["per_unit"] == pytest.approx(0.1 * 2**20 / 2000, rel=1e-3)
    assert (small["per_unit_unit"], small["target"], small["met"]) == ("bytes", "<= 64 bytes", True)
    steep = Growth(**facts, costs=[1, 9], target=Target(1.05, at_least=False)).line()
    assert (steep["slope"], steep["target"], steep["met"]) == (2, "exponent <= 1.05", False)


def test_columns_begin_below_each_other():
    assert aligned([("a", "b"), ("long", "c")]) == "a     b\nlong  c"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123"),
     (-0.5, "-0.500")],
)  # fmt: skip
def test_numbers_have_three_digits_that_matter(value, text):
    assert number(value) == text
