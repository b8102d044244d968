"""Class weights that begin late: a run's losses before and after."""

from pathlib import Path
from typing import Any

import pytest
import torch

from loss.base import PerHeadLoss
from loss.cross_entropy import CrossEntropy
from tests.train.rig import TASK, assert_same_bits, fixed, resumed_after, tiny, trainer
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.deferred_reweighting import DeferredReweighting
from train.trainer import Trainer
from utils.errors import ConfigError
from utils.registry import Component

WEIGHTS = {"age": torch.tensor([0.2, 0.5, 4.0])}


def criterion(class_weights: dict[str, torch.Tensor] | None) -> PerHeadLoss:
    losses = {name: CrossEntropy() for name in TASK.heads}
    return PerHeadLoss(losses, dict.fromkeys(TASK.heads, 1.0), class_weights)


def run(epochs: int, from_epoch: int | None, weighted: bool, *others: Callback) -> Trainer:
    loss = criterion(WEIGHTS if weighted else None)
    callbacks = list(others)
    if from_epoch:
        callbacks.insert(0, DeferredReweighting(criterion=loss, epochs=epochs, from_epoch=from_epoch))
    options: dict[str, Any] = {"epochs": epochs, "callbacks": callbacks, "criterion": loss, "lr": 0.02}
    return trainer(fixed(tiny), adam=True, **options)


def test_before_its_epoch_training_is_unweighted_and_from_it_on_weighted() -> None:
    deferred, plain, weighted = run(3, 3, True), run(3, None, False), run(3, None, True)
    for one in (deferred, plain, weighted):
        one.fit()
    losses = [[entry["train_loss"] for entry in one.state.history] for one in (deferred, plain, weighted)]
    assert losses[0][:2] == losses[1][:2] != losses[2][:2]
    assert losses[0][2] != losses[1][2]
    # The third epoch, from where two unweighted ones ended.
    handed = run(3, None, True)
    handed.state.load_state_dict(state_after_two())
    handed.fit()
    assert handed.state.history[2]["train_loss"] == losses[0][2]


def state_after_two() -> dict[str, Any]:
    """Return the state of an unweighted run after two of its three epochs."""
    found = run(3, None, False)

    class Stop(Callback):
        def on_epoch_end(self, state: Any) -> None:
            state.should_stop = state.epoch == 2

    found.callbacks = [Stop()]
    return found.fit().state_dict()


def test_from_the_first_epoch_it_is_plain_reweighting() -> None:
    always, weighted = run(2, 1, True), run(2, None, True)
    assert_same_bits(always.fit(), weighted.fit())


@pytest.mark.parametrize("step", [3, 6, 8, 14])  # 6 an epoch; weighted from the second on
def test_a_resumed_run_ends_with_the_same_bits(step: int, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        return run(3, 2, True, *callbacks)

    straight = fresh()
    straight.fit()
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)


@pytest.mark.parametrize(
    ("class_weights", "from_epoch", "message"),
    [
        (None, 2, r"no loss has class weights.*class_weights = balanced"),
        (WEIGHTS, 4, "from_epoch = 4 never comes in a run of 3 epochs"),
    ],
)
def test_what_would_do_nothing_is_refused(
    class_weights: dict[str, torch.Tensor] | None, from_epoch: int, message: str
) -> None:
    component = Component.of("DeferredReweighting", from_epoch=from_epoch)
    with pytest.raises(ConfigError, match=message):
        CALLBACKS.build(component, criterion=criterion(class_weights), epochs=3)
