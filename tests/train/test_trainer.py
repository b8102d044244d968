"""The loop on a few drawn images: steps, validation, resuming, numbers that are not finite."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dataset.augmentation.base import Augmentation, Chance
from dataset.augmentation.train_augmentation import TrainAugmentation
from dataset.tasks.base import Targets
from tests.train.rig import (
    SIZE,
    SOURCE,
    TARGETS,
    TASK,
    TRAIN,
    VALID,
    assert_same_bits,
    fixed,
    resumed_after,
    tiny,
    trainer,
    weights,
)  # fmt: skip
from train import checkpoint
from train.callbacks.base import Callback
from train.callbacks.checkpoints import Checkpoints
from train.callbacks.ema import EMA
from train.callbacks.finite_loss import FiniteLoss
from train.monitor import Monitor
from train.state import TrainState
from train.time_limit.keeper import follow
from train.trainer import Trainer
from utils.errors import ResumableStop
from utils.pace import Plan


@pytest.mark.parametrize("rows", [24, 16])
def test_accumulating_2_batches_of_4_equals_batches_of_8(rows: int) -> None:
    halves = trainer(fixed(), batch_size=4, accumulate=2, rows=rows)
    wholes = trainer(fixed(), batch_size=8, rows=rows)
    halves.fit()
    wholes.fit()
    assert halves.state.step == wholes.state.step == rows // 8
    expected = weights(wholes.state.model)
    for name, value in weights(halves.state.model).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-6)


def test_an_incomplete_last_window_is_a_mean_over_its_own_batches() -> None:
    found = trainer(fixed(), batch_size=4, accumulate=4, lr=0.5)  # 6 batches: windows of 4 and 2
    model, start = fixed(), weights(found.state.model)
    batches = list(found.batches.epoch(0))
    for window in (batches[:4], batches[4:]):
        images = torch.cat([batch.images for batch in window])
        targets = {name: torch.cat([batch.targets[name] for batch in window]) for name in TARGETS}
        model.zero_grad()
        found.passes.criterion(model(images), targets).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.5 * parameter.grad
    found.fit()
    assert found.state.step == 2
    for name, value in weights(found.state.model).items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=1e-6)
        assert name.startswith("normalise") or not torch.equal(value, start[name])


@pytest.mark.parametrize(("clip", "largest"), [(0.01, 0.01), (None, None), (1e6, None)])
def test_clipping_bounds_the_norm_of_the_gradient(clip: float | None, largest: float | None) -> None:
    found, free = trainer(fixed(), clip=clip, rows=4, lr=1.0), trainer(fixed(), rows=4, lr=1.0)
    moved = []
    for one in (found, free):
        before = weights(one.state.model)
        one.fit()
        after = weights(one.state.model)
        moved.append(float(sum((after[name] - before[name]).square().sum() for name in before) ** 0.5))
    assert moved[1] > 0.05
    assert moved[0] == pytest.approx(largest or moved[1], rel=1e-3)


def test_the_model_sees_channels_last_images_and_has_channels_last_weights() -> None:
    model, seen = tiny(), []
    model.backbone[0].register_forward_pre_hook(
        lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    found = trainer(model, chain=[TrainAugmentation(size=SIZE)])
    found.fit()
    assert len(seen) == 6 + 3
    assert all(seen)
    assert model.backbone[3].weight.is_contiguous(memory_format=torch.channels_last)


class Mixing(Augmentation):
    """Half of each image and of its targets is the next one's."""

    def __call__(self, images: Tensor, targets: Targets, chance: Chance) -> tuple[Tensor, Targets]:
        mixed = {name: (values + values.roll(1, dims=0)) / 2 for name, values in targets.items()}
        return (images + images.roll(1, dims=0)) / 2, mixed


def test_the_criterion_gets_the_soft_targets_of_an_augmentation_that_mixes() -> None:
    class Recording(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Targets] = []

        def forward(self, logits: dict[str, Tensor], targets: Targets) -> Tensor:
            self.seen.append(targets)
            return sum((value.square().mean() for value in logits.values()), start=torch.zeros(()))

    criterion = Recording()
    found = trainer(chain=[Mixing()], criterion=criterion)
    found.fit()
    for batch, targets in zip(found.batches.epoch(0), criterion.seen, strict=True):
        for name, values in targets.items():
            assert values.dtype == torch.float32
            torch.testing.assert_close(values, (batch.targets[name] + batch.targets[name].roll(1, 0)) / 2)


def test_each_epoch_leaves_one_entry_with_all_scores() -> None:
    found = trainer(epochs=2, lr=0.01)
    state = found.fit()
    assert [entry["epoch"] for entry in state.history] == [1, 2]
    for entry in state.history:
        assert {"train_loss", "lr", "loss", "seconds", *TASK.score_names} == entry.keys() - {"epoch"}
        assert entry["lr"] == 0.01
        assert all(isinstance(value, int | float) for value in entry.values())
    assert (state.epoch, state.batch, state.step) == (2, 0, 12)
    assert state.loss_sum == 0


def test_the_training_loss_of_an_entry_is_the_mean_over_the_epochs_batches() -> None:
    found = trainer(fixed(), lr=1e-30)  # the weights stay
    with torch.no_grad():
        losses = [float(found.passes.criterion(fixed()(b.images), b.targets)) for b in found.batches.epoch(0)]
    assert found.fit().history[0]["train_loss"] == pytest.approx(np.mean(losses), rel=1e-5)


class Stops(Callback):
    """Asks for a stop after an epoch."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.calls: list[str] = []

    def on_fit_start(self, state: TrainState) -> None:
        self.calls.append("fit start")

    def on_epoch_start(self, state: TrainState) -> None:
        assert state.model.training
        self.calls.append("epoch start")

    def on_step_end(self, state: TrainState) -> None:
        self.calls.append("step end")

    def on_epoch_end(self, state: TrainState) -> None:
        self.calls.append("epoch end")
        state.should_stop = state.epoch == self.after

    def on_epoch_kept(self, state: TrainState) -> None:
        self.calls.append("epoch kept")

    def on_fit_end(self, state: TrainState) -> None:
        self.calls.append("fit end")


def test_hooks_come_in_order_and_a_stop_ends_the_run_after_its_epoch() -> None:
    stops = Stops(after=2)
    trainer(epochs=5, callbacks=[stops], accumulate=4).fit()
    epoch = ["epoch start", "step end", "step end", "epoch end", "epoch kept"]
    assert stops.calls == ["fit start", *epoch, *epoch, "fit end"]


def test_an_error_at_the_end_of_one_callback_keeps_no_other_from_ending() -> None:
    class Fails(Callback):
        def on_fit_end(self, state: TrainState) -> None:
            raise OSError("No space left on device")

    first, last = Stops(after=1), Stops(after=1)
    with pytest.raises(OSError, match="No space left"):
        trainer(callbacks=[first, Fails(), last]).fit()
    assert [calls[-1] for calls in (first.calls, last.calls)] == ["fit end", "fit end"]


# Defect 9: the source's validation left the last batch out and divided by all images.
# Trap "val drop_last with division by full length".
def test_every_validation_image_is_scored_although_the_last_batch_is_short() -> None:
    found = trainer()
    scores, predictions = found.validator.run(found.state.model)
    assert VALID % 4 != 0
    assert predictions.rows.tolist() == list(range(TRAIN, TRAIN + VALID))
    with torch.no_grad():
        logits = found.state.model.eval()(SOURCE.batch(predictions.rows))
    right = torch.ones(VALID, dtype=torch.bool)
    for name in TASK.heads:
        hit = logits[name].argmax(dim=1) == TARGETS[name][TRAIN:].argmax(dim=1)
        assert scores[f"{name}/accuracy"] == pytest.approx(float(hit.float().mean()))
        right &= hit
    assert scores["accuracy"] == pytest.approx(int(right.sum()) / VALID)


# Trap "val loss averaged by batch not by sample".
def test_validation_loss_is_the_mean_over_images_not_over_batches() -> None:
    found = trainer(fixed())
    scores, predictions = found.validator.run(found.state.model)
    with torch.no_grad():
        logits = found.state.model(SOURCE.batch(predictions.rows))
        expected = found.passes.criterion(logits, {name: values[TRAIN:] for name, values in TARGETS.items()})
    assert scores["loss"] == pytest.approx(float(expected), rel=1e-5)


class Black(Augmentation):
    """Paints over everything: whoever validates with it sees it."""

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        return torch.zeros_like(images)


# Defect 9 and trap "Subset shares the parent transform: train augmentation leaks into val".
def test_validation_sees_images_without_augmentation() -> None:
    model, seen = tiny(), []
    model.register_forward_pre_hook(lambda module, given: seen.append((module.training, given[0])))
    trainer(model, chain=[Black()]).fit()
    trained = torch.cat([images for training, images in seen if training])
    scored = torch.cat([images for training, images in seen if not training])
    assert not trained.any()
    assert torch.equal(scored, SOURCE.batch(np.arange(TRAIN, TRAIN + VALID)))


def test_validation_changes_neither_the_mode_nor_the_batch_norm_statistics() -> None:
    found = trainer()
    found.state.model.train()
    found.state.model.backbone[1].eval()  # as a frozen layer is
    modes = [module.training for module in found.state.model.modules()]
    before = weights(found.state.model)
    found.validator.run(found.state.model)
    assert [module.training for module in found.state.model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in weights(found.state.model).items())


@pytest.mark.parametrize(
    ("monitor", "best"), [("macro_f1", 1), ("loss", 2), ("accuracy", 0), ("mask/f1/wear", 3)]
)
def test_the_best_epoch_is_the_first_with_the_best_monitored_value(monitor: str, best: int) -> None:
    history = [
        {"loss": 1.0, "accuracy": 0.5, "macro_f1": 0.1, "mask/f1/wear": 0.0},
        {"loss": 0.9, "accuracy": 0.4, "macro_f1": 0.4, "mask/f1/wear": 0.1},
        {"loss": 0.7, "accuracy": 0.5, "macro_f1": 0.4, "mask/f1/wear": 0.2},
        {"loss": 0.8, "accuracy": 0.3, "macro_f1": 0.3, "mask/f1/wear": 0.3},
    ]
    assert Monitor(monitor).best(history) == best
    assert Monitor(monitor).best([]) == -1


@pytest.mark.parametrize("step", [1, 3, 4, 5, 7, 8])  # 4 and 8 are the last of their epochs
def test_a_run_resumed_after_any_step_ends_with_the_same_bits(step: int, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        model = fixed(tiny, dropout=0.3)
        return trainer(
            model, epochs=3, batch_size=4, accumulate=2, rows=28, clip=1.0, lr=0.02, adam=True,
            chain=[TrainAugmentation(size=SIZE)], callbacks=[EMA(decay=0.7), *callbacks],
        )  # fmt: skip

    straight = fresh()
    straight.fit()
    assert straight.state.step == 12
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)


class Poisoned(Augmentation):
    """Gives pixels that are no numbers in one batch."""

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        return images * float("nan") if chance.epoch >= self.epoch else images


def test_a_loss_that_is_no_number_stops_the_run_within_the_step(tmp_path: Path) -> None:
    keep = Checkpoints(folder=tmp_path, monitor=Monitor("macro_f1"), minutes=0)
    found = trainer(
        epochs=3, chain=[Poisoned(1 + 2 / 6)], callbacks=[FiniteLoss(), keep], lr=0.0123
    )  # the third batch of the second epoch
    with pytest.raises(ResumableStop) as stopped:
        found.fit()
    assert stopped.value.exit_code == 4
    assert found.state.step == 9
    for part in ("nan", "step 9", "epoch 2", "0.0123", "optimizer.lr", "train.clip", "last good checkpoint"):
        assert part in str(stopped.value)
    last, best = (checkpoint.load(tmp_path / "checkpoints", name) for name in ("last", "best"))
    assert last is not None
    assert last["step"] == 8
    assert all(value.isfinite().all() for value in last["model"].values())
    assert best is not None
    assert best["scores"]["epoch"] == 1


def test_a_loss_that_is_no_number_is_never_best_even_without_the_callback(tmp_path: Path) -> None:
    keep = Checkpoints(folder=tmp_path, monitor=Monitor("macro_f1"))
    bad = trainer(epochs=2, chain=[Poisoned(1)], callbacks=[keep])
    with pytest.raises(ResumableStop, match=r"became nan in step 12 \(epoch 2\)"):
        bad.fit()
    assert len(bad.state.history) == 1
    best = checkpoint.load(tmp_path / "checkpoints", "best")
    assert best is not None
    assert best["scores"]["epoch"] == 1


def test_an_epoch_that_is_not_validated_has_no_entry_and_the_next_one_its_own_loss() -> None:
    every, third = trainer(epochs=4), trainer(epochs=4)
    passes = [len(third.batches)] * 4
    follow(third, Plan(lead=0, parts=1, batches=passes, validated=[True, False, False, True]))
    for one in (every, third):
        one.fit()
    assert [entry["epoch"] for entry in third.state.history] == [1, 4]
    for name in ("train_loss", "loss", "lr"):
        assert third.state.history[1][name] == every.state.history[3][name]


def test_the_rate_falls_with_the_time_of_the_plan() -> None:
    found = trainer(epochs=2, adam=True, lr=0.1)  # a cosine
    follow(found, Plan(lead=2, parts=2, batches=[4, 1, 2, 8], validated=[True, True]))
    rates: list[float] = []

    class Noted(Callback):
        def on_step_end(self, state: TrainState) -> None:
            rates.append(state.rate)

    found.callbacks = [Noted()]
    found.fit()
    parts = [batch / 4 for batch in range(4)] + [1.0] + [2, 2.5] + [3 + batch / 8 for batch in range(8)]
    times = [0.0, 0.0] + [part / 2 for part in parts]
    assert rates == pytest.approx([0.05 * (1 + np.cos(np.pi * time / 2)) for time in times])


def test_a_plan_that_ends_early_ends_the_run() -> None:
    found = trainer(epochs=3)
    follow(found, Plan(lead=1, parts=2, batches=[2, 2, 1, 0, 0, 0], validated=[False, True, True]))
    state = found.fit()
    assert (state.epoch, state.step) == (2, 6)
    assert [entry["epoch"] for entry in state.history] == [2]
