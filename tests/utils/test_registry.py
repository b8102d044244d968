"""A class's constructor is its config schema: names, types, defaults and errors come from there."""

from typing import Literal

import pytest
import torch

from utils.convert import Count, Fraction
from utils.errors import ConfigError, DataError
from utils.ini import Value
from utils.registry import Component, Registry


class Thing:
    pass


@pytest.fixture
def things():
    registry: Registry[Thing] = Registry("thing", "utils", runtime=("heads", "size"))

    @registry.register
    class Plain(Thing):
        def __init__(self) -> None:
            pass

    @registry.register
    class Rich(Thing):
        def __init__(
            self,
            *,
            heads: dict[str, int],
            T_0: Count,  # noqa: N803
            smoothing: Fraction = 0.1,
            mode: Literal["a", "b"] = "a",
            on: bool = False,
        ) -> None:
            if smoothing == 0.5:
                raise ValueError("smoothing of a half is refused")
            if smoothing == 0.25:
                raise DataError("the data is wrong")
            self.heads, self.T_0, self.smoothing, self.mode, self.on = heads, T_0, smoothing, mode, on

    return registry


def test_names_are_sorted_and_classes_are_found(things):
    assert things.names() == ["Plain", "Rich"]
    assert things.get("Rich").__name__ == "Rich"


def test_two_classes_of_one_name_are_our_bug(things):
    with pytest.raises(TypeError, match="two thing classes named Plain"):
        things.register(type("Plain", (Thing,), {}))


def test_an_unknown_name_is_reported_with_the_nearest_and_all_names(things):
    with pytest.raises(ConfigError, match=r"Unknown thing 'rihc'\. Did you mean 'Rich'\?.*Plain, Rich"):
        things.get("rihc")


def test_the_schema_is_the_keyword_arguments_without_those_of_the_program(things):
    assert list(things.schema("Rich")) == ["T_0", "smoothing", "mode", "on"]
    assert things.schema("Plain") == {}


def test_options_are_converted_and_runtime_objects_are_handed_over_by_name(things):
    # defect 4 of a published pipeline: options of a loss could not be given in the ini at all
    component = Component(
        "Rich", {"t_0": Value("10", ""), "smoothing": Value("0.2", ""), "on": Value("on", "")}
    )
    rich = things.build(component, heads={"mask": 3}, size=(1, 2), unknown=3)
    assert (rich.heads, rich.T_0, rich.smoothing, rich.mode, rich.on) == ({"mask": 3}, 10, 0.2, "a", True)


def test_a_component_can_be_made_from_python_values(things):
    rich = things.build(Component.of("Rich", T_0=3, on=True, mode="b"), heads={})
    assert (rich.T_0, rich.on, rich.mode) == (3, True, "b")


def test_all_problems_of_a_component_are_found_at_once(things):
    options = {
        "smothing": Value("0.2", "x.ini line 3"),
        "mode": Value("c", "x.ini line 4"),
        "on": Value("perhaps", "x.ini line 5"),
    }
    problems = things.problems(Component("Rich", options, "loss", "x.ini line 2"))
    assert len(problems) == 4
    text = "\n".join(problems)
    assert "Did you mean 'smoothing'?" in text
    assert "mode: 'c' is not one of 'a', 'b' (x.ini line 4)" in text
    assert "(x.ini line 5)" in text
    assert "Rich needs 'T_0 = ...' (x.ini line 2)" in text


def test_a_runtime_object_is_never_a_config_key(things):
    problems = things.problems(Component.of("Rich", T_0=1, heads="3"))
    assert len(problems) == 1
    assert "Unknown key for Rich 'heads'" in problems[0]


def test_a_value_that_the_constructor_refuses_is_a_config_error_with_its_place(things):
    component = Component(
        "Rich", {"t_0": Value("1", ""), "smoothing": Value("0.5", "")}, "loss", "x.ini line 7"
    )
    with pytest.raises(ConfigError, match=r"\[loss\] Rich: smoothing of a half.*x\.ini line 7"):
        things.build(component, heads={})


def test_a_data_error_of_a_constructor_stays_one(things):
    with pytest.raises(DataError, match="the data is wrong"):
        things.build(Component.of("Rich", T_0=1, smoothing=0.25), heads={})


def test_building_with_bad_options_is_a_config_error(things):
    with pytest.raises(ConfigError, match="whole number"):
        things.build(Component.of("Rich", T_0="x"), heads={})


def test_a_file_in_the_package_is_found_without_a_list_of_names(tmp_path, monkeypatch):
    # defect 11 of a published pipeline: schedulers in files of their own were never imported
    package = tmp_path / "podium_pieces"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from utils.registry import Registry\nPIECES = Registry('piece', 'podium_pieces')\n"
    )
    (package / "another_name.py").write_text(
        "from podium_pieces import PIECES\n\n@PIECES.register\nclass Found:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from podium_pieces import PIECES

    assert PIECES.names() == ["Found"]


@pytest.mark.parametrize("hidden", [10**15, 2**62])
def test_sizes_that_no_memory_holds_are_an_error_of_the_config(hidden):
    registry: Registry[Thing] = Registry("thing", "utils")

    @registry.register
    class Layer(Thing):
        def __init__(self, *, hidden: int) -> None:
            torch.empty(hidden, 64)

    @registry.register
    class Broken(Thing):
        def __init__(self, *, hidden: int) -> None:
            raise RuntimeError("a bug of ours")

    with pytest.raises(ConfigError, match=rf"Layer: more than the memory holds \(hidden = {hidden}\)"):
        registry.build(Component.of("Layer", hidden=hidden))
    with pytest.raises(RuntimeError, match="a bug of ours"):
        registry.build(Component.of("Broken", hidden=hidden))
