"""No number of a config is so large or so small that a run hangs or overflows: it is refused before."""

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from experiment.settings import BESIDE, CHOSEN, FIXED
from inference.views.base import VIEWS
from train.callbacks.base import CALLBACKS
from utils.convert import convert

REGISTRIES = {section: registry for section, (registry, _) in CHOSEN.items()}
HUGE = ("1e308", "1e18", "-1e308", "1000000000000000000", "9" * 400)


def numbers(annotation: Any) -> bool:
    """Tell whether a type takes numbers."""
    return annotation in (int, float) or any(map(numbers, get_args(annotation)))


def options() -> Iterator[tuple[str, Any]]:
    for section, cls in [*FIXED.items(), *BESIDE.items()]:
        yield from (
            (f"{section}.{key}", hint) for key, hint in get_type_hints(cls, include_extras=True).items()
        )
    for section, registry in {**REGISTRIES, "callback": CALLBACKS, "view": VIEWS}.items():
        for name in registry.names():
            for key, parameter in registry.schema(name).items():
                yield f"{section}.{name}.{key}", parameter.annotation


# A seed has no size, and a rate that is too high is told of by the run, which diverges.
SIZES = {name: hint for name, hint in options() if numbers(hint) and not name.endswith(("seed", ".lr"))}


@pytest.mark.parametrize("text", HUGE)
def test_no_option_of_any_class_takes_a_number_that_nobody_means(text):
    taken = []
    for name, hint in SIZES.items():
        for value in (text, f"{text}, {text}"):
            try:
                found = convert(value, hint)
            except ValueError:
                continue
            if not isinstance(found, str) and "Path" not in str(type(found)):
                taken.append((name, found))
    assert taken == []


@pytest.mark.parametrize("text", ["1e-308", "1e-300", "0.000001"])
def test_what_is_divided_by_is_not_next_to_nothing(text):
    for name in (
        "augmentation.GaussianBlur.sigma", "augmentation.MixUp.alpha", "augmentation.CutMix.alpha",
        "loss.TwoWayLoss.positive_temperature", "scheduler.CosineLR.t_initial", "scheduler.StepLR.step_size",
        "scheduler.CosineAnnealingWarmRestarts.T_0",
    ):  # fmt: skip
        with pytest.raises(ValueError, match="is not"):
            convert(f"{text}, {text}" if "sigma" in name else text, SIZES[name])
