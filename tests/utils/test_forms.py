"""The kinds of values in our own JSON files."""

import pytest

from utils.forms import COUNT, NOTHING, NUMBER, SHARE, TEXT, Kind, any_of, by_name, list_of, misfit, record


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        (TEXT, ["", "a"], [None, 1, ["a"]]),
        (NUMBER, [0, -1.5, 10**300], [True, "1", float("nan"), float("inf"), 10**400]),
        (COUNT, [0, 3], [-1, 1.0, False, "1"]),
        (SHARE, [0, 0.5, 1], [-0.1, 1.5, None]),
        (any_of(TEXT, NOTHING), ["a", None], [0, {}]),
        (list_of(COUNT, 2), [[0, 1]], [[0], [0, 1, 2], [0, "1"], {"0": 1}, None]),
        (by_name(list_of(COUNT)), [{}, {"a": [], "b": [1]}], [[], {"a": 1}, "a"]),
        (record({"run": TEXT}), [{"run": "a", "x": 1}], [{}, {"run": 1}, ["run"], "run"]),
    ],
)
def test_a_kind_tells_its_values_from_others(kind: Kind, fitting: list[object], others: list[object]) -> None:
    assert all(map(kind.fits, fitting))
    assert not any(map(kind.fits, others))


def test_the_first_value_of_another_kind_is_shown_beginning_with_its_key() -> None:
    form = {"a": TEXT, "b": list_of(COUNT, 2), "c": TEXT}
    assert misfit({"a": "x", "b": [1, 2], "d": None}, form) == ""
    assert misfit({"b": "long" * 99}, form).startswith('b = "longlong')
    said = "b = [1] is not a list of 2 times a whole number from 0 on"
    assert misfit({"b": [1], "c": 2}, form) == said
