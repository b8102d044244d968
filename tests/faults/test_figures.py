from pathlib import Path

import pytest

from tests.faults.figures import BEGIN, END, put_in, table
from tests.faults.main import spread
from tests.faults.trial import Outcome

OUTCOMES = [
    Outcome("Killed", "train", "call 1", "equal"),
    Outcome("Killed", "train", "call 2", "different", "scores.json"),
    Outcome("Damaged", "infer", "empty: scores.json", "refused"),
]


def test_the_table_counts_each_verdict() -> None:
    assert table(OUTCOMES).splitlines()[2:] == [
        "| Killed | train | 2 | 1 | 0 | 1 different |",
        "| Damaged | infer | 1 | 0 | 1 | 0 |",
        "| **All** |  | 3 | 1 | 1 | 1 different |",
    ]


def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"# Title\n{BEGIN}\nold\n{END}\nend\n", encoding="utf-8")
    put_in(document, "new")
    assert document.read_text(encoding="utf-8") == f"# Title\n{BEGIN}\nnew\n{END}\nend\n"
    document.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match=r"lacks the line"):
        put_in(document, "new")


def test_a_share_is_spread_evenly_over_each_group() -> None:
    assert list(spread(iter([list(range(10)), [77]]), 0.3, 0)) == [0, 3, 6, 77]
    assert list(spread(iter([list(range(10))]), 1, 5)) == list(range(10))
    assert list(spread(iter([list(range(100))]), 0.02, 30)) == [30, 80]
