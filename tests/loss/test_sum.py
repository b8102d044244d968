"""Several losses at once, and their names and weights as a config value."""

import pytest
import torch
import torch.nn.functional as F

from loss.base import LOSSES, Loss
from loss.sum import WeightedNames
from utils.errors import ConfigError
from utils.ini import read_ini
from utils.registry import Component


def build(name: str, **options: object) -> Loss:
    return LOSSES.build(Component.of(name, **options))


def example() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 3, generator=generator)
    return logits, F.one_hot(torch.randint(3, (8,), generator=generator), 3).float()


def test_it_is_the_weighted_sum_of_its_parts_with_their_defaults() -> None:
    pair = example()
    expected = 0.4 * build("F1")(*pair) + 0.6 * build("Focal")(*pair)
    torch.testing.assert_close(build("Sum")(*pair), expected)
    torch.testing.assert_close(build("Sum", parts="Focal:0.6,F1 : 0.4")(*pair), expected)
    many = build("Sum", parts="CrossEntropy:2, LabelSmoothing:0, F1:1e-3")(*pair)
    torch.testing.assert_close(many, 2 * build("CrossEntropy")(*pair) + 1e-3 * build("F1")(*pair))


def test_its_gradient_is_the_sum_of_the_parts_gradients() -> None:
    gradients = {}
    for name, options in {"Sum": {"parts": "CrossEntropy:2, F1:3"}, "CrossEntropy": {}, "F1": {}}.items():
        logits, targets = example()
        build(name, **options)(logits.requires_grad_(), targets).backward()
        gradients[name] = logits.grad
    torch.testing.assert_close(gradients["Sum"], 2 * gradients["CrossEntropy"] + 3 * gradients["F1"])


def test_it_is_for_the_labels_that_all_of_its_parts_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build("Sum").accepts == {"one_of"}
    for name, kinds in {"F1": {"one_of", "any_of"}, "Focal": {"any_of"}}.items():
        monkeypatch.setattr(LOSSES.get(name), "accepts", frozenset(kinds))
    assert build("Sum").accepts == {"any_of"}
    assert build("Sum", parts="F1:1").accepts == {"one_of", "any_of"}


def test_its_parts_may_be_of_any_kind_but_of_one() -> None:
    logits, targets = example()
    targets[0], targets[1] = 1, 0
    both = build("Sum", parts="TwoWayLoss:2, ZLPR:1")
    assert both.accepts == {"any_of"}
    expected = 2 * build("TwoWayLoss")(logits, targets) + build("ZLPR")(logits, targets)
    torch.testing.assert_close(both(logits, targets), expected)
    with pytest.raises(ConfigError, match=r"\[Sum\] Sum: parts: .* F1 for one_of, ZLPR for any_of"):
        build("Sum", parts="F1:1, ZLPR:1")


@pytest.mark.parametrize("text", ["F1:0.4, Focal:0.6", "CrossEntropy:1.0", "F1:0.123456789, Focal:1e-12"])
def test_parts_are_written_as_they_are_read(text: str) -> None:
    assert str(WeightedNames.from_text(text)) == text
    assert WeightedNames.from_text(str(WeightedNames.from_text(text))) == WeightedNames.from_text(text)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("F1:0.4, Focl:0.6", "Unknown loss 'Focl'. Did you mean 'Focal'"),
        ("f1:1", "Did you mean 'F1'"),
        ("Sum:1", "Unknown loss 'Sum'"),
        ("F1, Focal", "'F1' is not of the form NAME:WEIGHT, such as F1:0.4"),
        ("F1:0.4,", "'' is not of the form"),
        ("", "'' is not of the form"),
        ("F1:", "the weight of F1: '' is not a number"),
        ("F1:much", "the weight of F1: 'much' is not a number"),
        ("F1:-1", "the weight of F1: -1 is not at least 0"),
        ("F1:nan", "the weight of F1: 'nan' is not a finite number"),
        ("F1:1, Focal:1, F1:2", "F1 is there twice"),
        ("F1:0, Focal:0", "weight above 0"),
    ],
)
def test_other_texts_are_refused_before_anything_is_built(parts: str, message: str) -> None:
    problems = LOSSES.problems(Component.of("Sum", parts=parts))
    assert len(problems) == 1
    assert problems[0].startswith("[Sum] parts: ")
    assert message in problems[0]


def test_parts_come_from_the_ini_of_one_head(tmp_path) -> None:
    (tmp_path / "a.ini").write_text(
        "[loss.age]\nparts = CrossEntropy:0.5, F1:0.5  # halves\n", encoding="utf-8"
    )
    loss = LOSSES.build(Component("Sum", read_ini(tmp_path / "a.ini")["loss.age"].values, "loss.age"))
    pair = example()
    torch.testing.assert_close(loss(*pair), (build("CrossEntropy")(*pair) + build("F1")(*pair)) / 2)
