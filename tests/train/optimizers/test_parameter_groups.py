"""Rates of layers and heads: each parameter's factor against timm's, and what schedules make of them."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

from dataset.augmentation.train_augmentation import TrainAugmentation
from models.base import MODELS, Classifier
from schedulers.base import SCHEDULERS
from tests.train.optimizers.chosen import chosen
from tests.train.rig import SIZE, assert_same_bits, fixed, resumed_after, tiny, trainer
from train.callbacks.base import Callback
from train.optimizers.base import OPTIMIZERS, Rates, parameter_groups
from train.state import TrainState
from train.trainer import Trainer
from utils.registry import Component


def build(name: str, size: tuple[int, int] = (32, 32)) -> Classifier:
    with torch.device("meta"):
        return MODELS.build(Component.of(name), heads={"a": 7}, image_size=size)


def factors(model: nn.Module, rates: Rates, name: str = "AdamW") -> dict[str, float]:
    """Return each parameter's rate against the optimiser's own."""
    optimizer = OPTIMIZERS.build(chosen(name, lr=0.5), groups=parameter_groups(model, rates))
    SCHEDULERS.build(Component("Constant"), optimizer=optimizer, steps_per_epoch=1, epochs=1).set_rates(0, [])
    rate_of = {id(p): group["lr"] / 0.5 for group in optimizer.param_groups for p in group["params"]}
    return {name: rate_of[id(p)] for name, p in model.named_parameters()}


@pytest.mark.parametrize(
    ("name", "backbone", "head"),
    [("ResNet18", "resnet18", "fc"), ("VisionTransformer", "vit_tiny_patch16_224", "head")],
)
def test_layer_decay_gives_each_parameter_the_factor_that_timm_gives_it(
    name: str, backbone: str, head: str
) -> None:
    with torch.device("meta"):
        reference = timm.create_model(backbone, num_classes=7)
    groups = param_groups_layer_decay(reference, layer_decay=0.7)
    scale_of = {id(p): group["lr_scale"] for group in groups for p in group["params"]}
    expected = {}
    for key, parameter in reference.named_parameters():
        ours = key.replace(f"{head}.", "heads.a.") if key.startswith(f"{head}.") else f"backbone.{key}"
        expected[ours] = scale_of[id(parameter)]
    assert len(set(expected.values())) >= 9
    assert factors(build(name), Rates(layer_decay=0.7)) == pytest.approx(expected)


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_the_heads_have_a_rate_of_their_own(name: str) -> None:
    for key, factor in factors(build("TinyNet"), Rates(head_rate=10), name).items():
        assert factor == pytest.approx(10 if key.startswith("heads.") else 1), key


def test_both_keys_together_leave_the_first_layer_below_the_heads_one_step_down() -> None:
    found = factors(build("TinyNet"), Rates(layer_decay=0.5, head_rate=4))
    assert found["heads.a.weight"] == found["heads.a.bias"] == 4
    assert [found[f"backbone.{i}.weight"] for i in (0, 1, 3, 4, 6, 7, 9, 10)] == pytest.approx(
        [1 / 16, 1 / 16, 1 / 8, 1 / 8, 1 / 4, 1 / 4, 1 / 2, 1 / 2]
    )


def test_decay_stays_off_for_vectors_in_every_layer() -> None:
    model = build("ResNet18")
    for group in parameter_groups(model, Rates(layer_decay=0.5)):
        assert len({p.ndim > 1 for p in group["params"]}) == 1
        assert (group.get("weight_decay") == 0.0) == (group["params"][0].ndim == 1)


def test_without_rates_of_their_own_the_groups_are_the_two_of_old_checkpoints() -> None:
    model = build("ResNet18")
    decayed, plain = parameter_groups(model, Rates())
    assert [list(decayed), list(plain)] == [["params"], ["params", "weight_decay"]]
    assert [id(p) for p in decayed["params"]] == [id(p) for p in model.parameters() if p.ndim > 1]
    assert [id(p) for p in plain["params"]] == [id(p) for p in model.parameters() if p.ndim == 1]


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "swin_tiny_patch4_window7_224",
        "swinv2_cr_tiny_ns_224", "beit_base_patch16_224", "eva02_tiny_patch14_224", "levit_128s",
        "xcit_nano_12_p16_224", "edgenext_xx_small", "coat_lite_tiny", "convnext_atto", "resnet18",
    ],
)  # fmt: skip
def test_weight_decay_falls_where_timm_lets_it_fall(name: str) -> None:
    with torch.device("meta"):
        backbone = timm.create_model(name, num_classes=0)
    exempt = backbone.no_weight_decay() if hasattr(backbone, "no_weight_decay") else ()
    groups = param_groups_weight_decay(backbone, 0.05, no_weight_decay_list=exempt)
    expected = {id(p) for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    for rates in (Rates(), Rates(layer_decay=0.8)):
        assert plain_of(Classifier(backbone, backbone.num_features, {}), rates) == expected


def plain_of(model: nn.Module, rates: Rates = Rates()) -> set[int]:  # noqa: B008
    """Return the ids of the parameters without weight decay."""
    groups = parameter_groups(model, rates)
    return {id(p) for group in groups if group.get("weight_decay") == 0 for p in group["params"]}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("FusedBackbones", {"backbones": "vit_tiny_patch16_224, swin_tiny_patch4_window7_224"}),
        ("SeparateBackbones", {"backbones": "a: vit_tiny_patch16_224, b: swin_tiny_patch4_window7_224"}),
        ("VisionTransformer", {}),
        ("SwinSmall", {}),
    ],
)
def test_tables_of_positions_and_biases_are_not_decayed_in_any_model(
    model: str, options: dict[str, object]
) -> None:
    with torch.device("meta"):
        built = MODELS.build(Component.of(model, **options), heads={"a": 2, "b": 3}, image_size=(64, 64))
    plain = plain_of(built)
    named = {name: id(p) in plain for name, p in built.named_parameters()}
    tables = [n for n in named if n.endswith(("pos_embed", "cls_token", "relative_position_bias_table"))]
    assert tables
    assert all(named[name] for name in tables)
    assert not named[next(name for name in named if name.endswith("qkv.weight"))]
    assert not any(
        decayed for name, decayed in named.items() if name.startswith("heads.") and "weight" in name
    )


def test_a_head_says_which_of_its_weights_are_not_decayed() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.queries, self.weight = (nn.Parameter(torch.zeros(2, 2)) for _ in range(2))

        def no_weight_decay(self) -> set[str]:
            return {"quer*"}

    model = build("TinyNet")
    model.heads["own"] = own = Own()
    assert id(own.queries) in plain_of(model)
    assert id(own.weight) not in plain_of(model)


class Noted(Callback):
    """Keeps each step's rates."""

    def __init__(self) -> None:
        self.groups: list[list[float]] = []
        self.logged: list[float] = []

    def on_step_end(self, state: TrainState) -> None:
        self.groups.append([group["lr"] for group in state.optimizer.param_groups])
        self.logged.append(state.rate)


@pytest.mark.parametrize("name", SCHEDULERS.names())
def test_a_schedule_scales_every_group_by_its_factor_its_lowest_rate_too(name: str) -> None:
    rates = []
    for own in (Rates(), Rates(layer_decay=0.5, head_rate=3)):
        model = build("TinyNet")
        optimizer = OPTIMIZERS.build(Component.of("SGD", lr=0.1), groups=parameter_groups(model, own))
        offered: dict[str, Any] = {"steps_per_epoch": 3, "epochs": 4, "score_of": lambda entry: 0.0}
        scheduler = SCHEDULERS.build(Component(name), optimizer=optimizer, **offered)
        rates.append([])
        for step in range(12):
            scheduler.set_rates(step / 3, [])
            rates[-1].append([group["lr"] for group in optimizer.param_groups])
    expected = [3, 3, *(0.5**depth for depth in (1, 1, 2, 2, 3, 3, 4, 4))]
    for (base, _), scaled in zip(*rates, strict=True):
        assert scaled == pytest.approx([base * factor for factor in expected])


def test_the_logged_rate_is_that_of_the_config_before_the_factors() -> None:
    noted, plain = Noted(), Noted()
    rates = Rates(layer_decay=0.5, head_rate=3)
    state = trainer(fixed(tiny), epochs=2, adam=True, rates=rates, callbacks=[noted]).fit()
    expected = trainer(fixed(tiny), epochs=2, adam=True, callbacks=[plain]).fit()
    assert noted.logged == pytest.approx(plain.logged)
    assert noted.groups[0][0] == pytest.approx(3 * plain.groups[0][0])
    logged = [entry["lr"] for entry in state.history]
    assert logged == pytest.approx([entry["lr"] for entry in expected.history])
    assert logged[0] > logged[1] > 0


@pytest.mark.parametrize("step", [1, 4, 6])
def test_a_resumed_run_ends_with_the_same_bits(step: int, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        return trainer(
            fixed(tiny, dropout=0.3), epochs=2, accumulate=2, rows=28, lr=0.02, adam=True,
            chain=[TrainAugmentation(size=SIZE)], rates=Rates(layer_decay=0.6, head_rate=5),
            callbacks=callbacks,
        )  # fmt: skip

    straight = fresh()
    straight.fit()
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)


def test_a_tenth_of_the_rate_moves_plain_gradient_descent_a_tenth_as_far() -> None:
    steps: dict[float, dict[str, torch.Tensor]] = {}
    for decay in (1.0, 0.1):
        before = fixed(tiny).state_dict()
        model = fixed(tiny)
        trainer(model, rows=4, rates=Rates(layer_decay=decay)).fit()
        steps[decay] = {name: p.detach() - before[name] for name, p in model.named_parameters()}
    for name, moved in steps[0.1].items():
        depth = 0 if name.startswith("heads") else 4 - int(name.split(".")[1]) // 3
        torch.testing.assert_close(moved, steps[1.0][name] * 0.1**depth, rtol=1e-2, atol=1e-7)
