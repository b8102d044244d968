"""The trainer gives a schedule the scores so far, so a resumed run has the same rates."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, lr_scheduler

from dataset.batches import Batch
from schedulers.base import SCHEDULERS
from train.callbacks.base import Callback
from train.monitor import Monitor
from train.passes import Passes
from train.state import TrainState
from train.trainer import Trainer
from utils.device import Precision
from utils.registry import Component

CPU = Precision(torch.device("cpu"), torch.float32)
SCORES = (0.3, 0.5, 0.5, 0.4, 0.6, 0.6, 0.6, 0.5, 0.2, 0.7)  # of each epoch


class TwoBatches:
    """Two images an epoch, one a batch and a step."""

    def count(self, epoch: int) -> int:
        return 2

    def windows(self, epoch: int, first: int = 0) -> Iterator[list[Batch]]:
        for number in range(first, 2):
            images, targets, rows = torch.ones(1, 2), {"a": torch.ones(1, 2)}, torch.zeros(1).numpy()
            yield [Batch(images, targets, rows, epoch, number, epoch + number / 2)]


class Scripted:
    """Validates to what the script says."""

    def __init__(self) -> None:
        self.state: TrainState | None = None

    def due(self, epoch: int) -> bool:
        return True

    def run(self, model: nn.Module) -> tuple[dict[str, float], None]:
        return {"loss": 1.0, "macro_f1": SCORES[self.state.epoch]}, None


class Rates(Callback):
    """Notes the rate of every step; stops the process, as it were, after ``last`` steps."""

    def __init__(self, last: int = 10**9) -> None:
        self.found: list[float] = []
        self.last = last

    def on_step_end(self, state: TrainState) -> None:
        self.found.append(state.optimizer.param_groups[0]["lr"])
        if state.step == self.last:
            raise KeyboardInterrupt


def trainer(rates: Rates) -> Trainer:
    model = nn.Linear(2, 2)
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = SCHEDULERS.build(
        Component.of("ReduceOnPlateau", patience=1),
        optimizer=optimizer,
        steps_per_epoch=2,
        score_of=Monitor("macro_f1").value,
    )
    state = TrainState(model, optimizer, scheduler, CPU.scaler(), model, torch.zeros(()))

    def keep(images: Tensor, targets: dict[str, Tensor], **_: float) -> tuple[Tensor, dict[str, Tensor]]:
        return images, targets

    def loss(logits: Tensor, targets: dict[str, Tensor]) -> Tensor:
        return logits.square().mean()

    validator: Any = Scripted()
    validator.state = state
    parts: dict[str, Any] = {"batches": TwoBatches(), "augmenter": keep}
    parts["passes"] = Passes(model, loss, CPU, state.scaler)
    parts |= {"validator": validator, "callbacks": [rates], "epochs": len(SCORES), "seed": 0}
    return Trainer(state, **parts)


def expected() -> list[float]:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    reference, found = lr_scheduler.ReduceLROnPlateau(optimizer, "max", factor=0.5, patience=1), []
    for score in SCORES:
        found += [optimizer.param_groups[0]["lr"]] * 2
        reference.step(score)
    return found


def test_rates_fall_after_the_epochs_in_which_torchs_would() -> None:
    rates = Rates()
    state = trainer(rates).fit()
    assert rates.found == pytest.approx(expected())
    assert [entry["lr"] for entry in state.history] == pytest.approx(expected()[::2])
    assert rates.found[-1] == pytest.approx(0.0125)


@pytest.mark.parametrize("last", [1, 8, 9, 15])
def test_a_resumed_run_has_the_same_rates(last: int) -> None:
    before, after = Rates(last), Rates()
    first, second = trainer(before), trainer(after)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    second.state.load_state_dict(first.state.state_dict())
    second.fit()
    assert before.found + after.found == pytest.approx(expected())
