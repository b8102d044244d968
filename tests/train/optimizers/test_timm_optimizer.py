"""Any of timm's optimisers by its name: its own steps, its keys, and its state in a checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import timm.optim
import torch

from experiment.read_settings import read_sections, settings_from
from schedulers.base import SCHEDULERS
from tests.experiment.smallest import SMALLEST
from tests.train.optimizers.test_optimizers import net, step
from train import checkpoint
from train.optimizers.base import OPTIMIZERS, Rates, parameter_groups
from train.optimizers.timm_names import usable_names
from train.state import TrainState
from utils.errors import ConfigError
from utils.ini import format_ini
from utils.registry import Component

QUICK = ("adamw", "lion", "mars", "muon", "nlarc", "sgd")


def build(name: str, model: torch.nn.Module, rates: Rates | None = None, **options: object) -> Any:
    component = Component.of("TimmOptimizer", optimizer=name, **options)
    return OPTIMIZERS.build(component, groups=parameter_groups(model, rates or Rates()))


def settings(folder: Path, *lines: str) -> Any:
    path = folder / "config.ini"
    path.write_text(SMALLEST + "\n".join(["[optimizer]", *lines, ""]), encoding="utf-8")
    return settings_from(read_sections(path), "config.ini")


def assert_same_weights(model: torch.nn.Module, other: torch.nn.Module) -> None:
    expected = other.state_dict()
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in usable_names()]
)
def test_it_steps_as_timm_does_and_a_resumed_one_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    """Two layers melt late, which is when an optimiser meets a weight without a state."""

    def state(optimizer: Any, model: torch.nn.Module) -> TrainState:
        scheduler = SCHEDULERS.build(Component.of("Constant"), optimizer=optimizer, steps_per_epoch=1)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        return TrainState(model, optimizer, scheduler, scaler, eval_model=model, loss_sum=torch.zeros(()))

    def go(model: torch.nn.Module, optimizer: Any, first: int, last: int) -> None:
        for number in range(first, last):
            model.backbone[3].requires_grad_(number >= 2)
            step(model, optimizer, number)

    models = [net() for _ in range(4)]
    reference, *ours = models
    theirs = timm.optim.create_optimizer_v2(
        parameter_groups(reference), name, lr=0.01, weight_decay=0.03, **_named(name)
    )
    straight, first, second = (state(build(name, m, lr=0.01, weight_decay=0.03), m) for m in ours)
    go(reference, theirs, 0, 5)
    go(straight.model, straight.optimizer, 0, 5)
    for (key, expected), weight in zip(
        reference.named_parameters(), straight.model.parameters(), strict=True
    ):
        torch.testing.assert_close(weight, expected, rtol=1e-3, atol=1e-5, msg=key)

    go(first.model, first.optimizer, 0, 3)
    checkpoint.save(tmp_path, "last", 3, first.state_dict())
    second.load_state_dict(checkpoint.load(tmp_path, "last"))  # type: ignore[arg-type]
    go(second.model, second.optimizer, 3, 5)
    assert_same_weights(second.model, straight.model)


def _named(name: str) -> dict[str, float]:
    """Return what timm's factory puts over a class's own default."""
    return {"momentum": 0.95} if "muon" in name else {}


def test_the_rates_of_layers_and_of_a_schedule_reach_timms_optimizer_also_after_a_resume() -> None:
    model = net()
    optimizer = build("muon", model, Rates(layer_decay=0.5, head_rate=4), lr=0.02)
    scheduler = SCHEDULERS.build(Component.of("Constant"), optimizer=optimizer, steps_per_epoch=1)
    scheduler.set_rates(0, [])
    assert [group["lr"] for group in optimizer.param_groups[:3]] == pytest.approx([0.08, 0.08, 0.01])
    optimizer.load_state_dict(optimizer.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = {key: value.clone() for key, value in model.named_parameters()}
    step(model, optimizer, 0)
    assert all(torch.equal(value, before[key]) for key, value in model.named_parameters())


def test_the_keys_are_those_of_the_chosen_optimizer_with_its_defaults(tmp_path: Path) -> None:
    texts = settings(tmp_path, "name = TimmOptimizer", "optimizer = muon", "NS_steps = 6").texts()
    assert texts["optimizer"]["ns_steps"] == "6"
    assert texts["optimizer"]["lr"] == "0.02"
    assert texts["optimizer"]["nesterov"] == "no"
    written = tmp_path / "written.ini"
    written.write_text(format_ini(texts), encoding="utf-8")
    assert settings_from(read_sections(written), "written.ini").texts() == texts
    adan = settings(tmp_path, "name = TimmOptimizer", "optimizer = adan").texts()["optimizer"]
    assert adan["betas"] == "0.98, 0.92, 0.99"
    assert not adan.keys() & {"maximize", "foreach", "params", "capturable"}


def test_a_key_that_another_optimizer_has_is_refused_with_those_of_this_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'ns_step'\. Did you mean 'ns_steps'\?.*line 18"):
        settings(tmp_path, "name = TimmOptimizer", "optimizer = muon", "ns_step = 6")
    with pytest.raises(ConfigError, match=r"Unknown key for TimmOptimizer 'ns_steps'.*betas, caution"):
        settings(tmp_path, "name = TimmOptimizer", "optimizer = lion", "ns_steps = 6")


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        ("lion", "lr = 0", "lr: 0 is not above 0"),
        ("lion", "betas = 0.9", "betas: '0.9' is not 2 values"),
        ("adan", "betas = 0.9, 0.99", "betas: '0.9, 0.99' is not 3 values"),
        ("lamb", "weight_decay = -1", "weight_decay: -1 is not at least 0"),
        ("muon", "ns_steps = 2.5", "ns_steps: '2.5' is not a whole number"),
        ("sgd", "momentum = 1.5", "momentum: 1.5 is not from 0 up to 1"),
        ("lamb", "max_grad_norm = much", "max_grad_norm: 'much' is not a number, nor none"),
        ("nadamw", "caution = perhaps", "caution: 'perhaps' is not yes or no"),
        ("lion", "maximize = yes", "Unknown key for TimmOptimizer 'maximize'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_line(
    name: str, line: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, "name = TimmOptimizer", f"optimizer = {name}", line)
    assert problem in str(refused.value)
    assert "line 18" in str(refused.value)


def test_a_value_that_only_timm_refuses_is_an_error_of_the_config() -> None:
    for name, options in (
        ("lion", {"betas": (1.0, 1.0)}),
        ("muon", {"ns_coefficients": "nonsense"}),  # which the first step finds
        ("mars", {"mars_type": "nonsense"}),
        ("muon", {"adjust_lr_fn": "nonsense"}),
    ):
        with pytest.raises(ConfigError, match=f"TimmOptimizer: optimizer = {name} can't step with these"):
            build(name, net(), **options)


def test_a_wrong_name_is_one_problem_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)1 problem\(s\):.*'moun'\. Did you mean 'muon'\?.*line 17"):
        settings(tmp_path, "name = TimmOptimizer", "optimizer = moun", "ns_steps = 6")
    with pytest.raises(ConfigError, match=r"(?s)1 problem\(s\):.*TimmOptimizer needs 'optimizer = \.\.\.'"):
        settings(tmp_path, "name = TimmOptimizer", "ns_steps = 6")


@pytest.mark.parametrize("name", ["fusedadam", "bnbadam8bit", "adahessian", "kron", "adafactorbv"])
def test_one_that_no_run_could_resume_or_start_says_why(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is no choice here: .*Valid names: adabelief, "):
        settings(tmp_path, "name = TimmOptimizer", f"optimizer = {name}")


@pytest.mark.parametrize("name", ["Lion", "Muon", "LAMB", "radam"])
def test_timms_name_in_the_place_of_a_class_is_answered_with_what_to_write(name: str, tmp_path: Path) -> None:
    words = f"no optimizer class '{name}': write name = TimmOptimizer with optimizer = {name.lower()}"
    with pytest.raises(ConfigError, match=f"{words}.*line 16"):
        settings(tmp_path, f"name = {name}")


def test_lr_is_needed_where_timm_would_make_a_schedule_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TimmOptimizer needs 'lr = "):
        settings(tmp_path, "name = TimmOptimizer", "optimizer = adafactor")
