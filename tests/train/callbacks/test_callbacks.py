"""Every callback: the hooks it may have, and what it does to a run on a few drawn images."""

import inspect
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from torch import Tensor, nn

from dataset.augmentation.base import Augmenter
from dataset.augmentation.train_augmentation import TrainAugmentation
from dataset.batches import EvalBatches, TrainBatches
from dataset.samplers.every_image import EveryImage
from dataset.tasks.mask import AGES, GENDERS, MASKS
from loss.base import PerHeadLoss
from loss.cross_entropy import CrossEntropy
from models.tiny_net import TinyNet
from schedulers.constant import Constant
from tests.train.rig import CPU, SIZE, TASK, Drawn
from train import checkpoint
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.checkpoints import Checkpoints
from train.callbacks.early_stopping import EarlyStopping
from train.callbacks.ema import EMA
from train.callbacks.finite_loss import FiniteLoss
from train.callbacks.history import History
from train.callbacks.stop_signals import StopSignals
from train.callbacks.tensorboard import TensorBoard
from train.callbacks.train_scores import TrainScores
from train.monitor import Monitor
from train.optimizers.base import parameter_groups
from train.optimizers.torch_optimizers import SGD
from train.passes import Passes
from train.pictures.budget import DrawingBudget
from train.state import TrainState
from train.timed import TimedTrainer
from train.trainer import Trainer
from train.validator import Validator
from utils.durable import write_json
from utils.errors import ConfigError, Diverged, ResumableStop
from utils.registry import Component

TRAIN, VALID, STEPS = 20, 13, 5  # images, images, steps an epoch
NEEDED = {"DeferredReweighting": {"from_epoch": 1}, "MLflow": {"url": "http://127.0.0.1:9"}}  # no default
HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


_labels = np.random.default_rng(1).integers(0, 18, TRAIN + VALID)
TARGETS = TASK.targets([{"mask": (y // 6,), "gender": (y // 3 % 2,), "age": (y % 3,)} for y in _labels])
SOURCE = Drawn(TRAIN + VALID)
BATCHES = TrainBatches(SOURCE, TARGETS, EveryImage(rows=np.arange(TRAIN), seed=5), TRAIN // STEPS)
AUGMENTER = Augmenter([TrainAugmentation(size=SIZE)], size=SIZE, seed=5)
CRITERION = PerHeadLoss({name: CrossEntropy() for name in TASK.heads}, dict.fromkeys(TASK.heads, 1.0))
WEIGHTED = PerHeadLoss(
    {name: CrossEntropy() for name in TASK.heads}, dict.fromkeys(TASK.heads, 1.0), {"age": torch.ones(3)}
)
VALIDATOR = Validator(
    TASK,
    EvalBatches(SOURCE, np.arange(TRAIN, TRAIN + VALID), batch_size=4, size=SIZE, targets=TARGETS),
    CRITERION,
    CPU,
)


def trainer(*callbacks: Callback, epochs: int = 1, lr: float = 0.05, validator: Any = VALIDATOR) -> Trainer:
    torch.manual_seed(4)
    model = TinyNet(heads=TASK.heads, image_size=SIZE, width=2, dropout=0.2)
    model.to(memory_format=torch.channels_last)
    optimizer = SGD(groups=parameter_groups(model), lr=lr)
    scheduler = Constant(optimizer=optimizer, steps_per_epoch=STEPS)
    state = TrainState(model, optimizer, scheduler, CPU.scaler(), model, torch.zeros(()))
    return TimedTrainer(
        state,
        batches=BATCHES,
        augmenter=AUGMENTER,
        passes=Passes(model, CRITERION, CPU, state.scaler),
        validator=validator,
        callbacks=callbacks,
        epochs=epochs,
        seed=5,
    )


def tensorboard(folder: Path, **options: Any) -> TensorBoard:
    return TensorBoard(
        folder=folder, task=TASK, validator=VALIDATOR, batches=BATCHES, augmenter=AUGMENTER,
        config_text="[run]\nname = 마스크", config_values={"run.name": "마스크"}, monitor=Monitor("macro_f1"),
        worst=4, sheet=4, **{"epochs": 2} | options,
    )  # fmt: skip


def equal(one: nn.Module, other: nn.Module) -> bool:
    values = other.state_dict()
    return all(torch.equal(value, values[name]) for name, value in one.state_dict().items())


class Scripted:
    """A validator whose scores were written down beforehand; it is no part of what is tested."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = list(scores)

    def due(self, epoch: int) -> bool:
        return True

    def run(self, model: nn.Module) -> tuple[dict[str, float], None]:
        score = self.scores.pop(0)
        return {"macro_f1": score, "accuracy": 1 - score, "loss": score}, None


class Watch(Callback):
    """Calls a function after each step."""

    def __init__(self, look: Any) -> None:
        self.look = look

    def on_step_end(self, state: TrainState) -> None:
        self.look(state)


@pytest.mark.parametrize("name", CALLBACKS.names())
def test_a_callback_has_known_hooks_with_the_hooks_own_signature(name: str) -> None:
    cls = CALLBACKS.get(name)
    assert issubclass(cls, Callback)
    own = [attribute for attribute in vars(cls) if attribute.startswith("on_")]
    assert own
    assert set(own) <= set(HOOKS)
    for hook in own:
        expected = inspect.signature(getattr(Callback, hook))
        assert list(inspect.signature(getattr(cls, hook)).parameters) == list(expected.parameters)


@pytest.mark.parametrize("name", CALLBACKS.names())
def test_a_callback_is_built_by_the_registry_and_lives_through_a_run(name: str, tmp_path: Path) -> None:
    write_json(tmp_path / "environment.json", {})
    component = Component.of(name, **NEEDED.get(name, {}))
    try:
        callback = CALLBACKS.build(
            component, folder=tmp_path, task=TASK, monitor=Monitor("macro_f1"),
            validator=VALIDATOR, batches=BATCHES, augmenter=AUGMENTER, criterion=WEIGHTED, precision=CPU,
            files=("a.jpg",) * (TRAIN + VALID), config_text="", config_values={}, epochs=1,
        )  # fmt: skip
    except ConfigError as error:
        if "pip install -r requirements-" not in str(error):
            raise
        pytest.skip(str(error))  # an extra that is not here
    assert trainer(callback).fit().step == STEPS


@pytest.mark.parametrize(
    ("monitor", "scores", "stops_after"),
    [
        ("macro_f1", [0.1, 0.3, 0.2, 0.3, 0.9], 4),  # an equal score is no improvement
        ("macro_f1", [0.5, 0.4, 0.6, 0.5, 0.5], 5),
        ("loss", [0.5, 0.6, 0.7, 0.1, 0.1], 3),
        ("loss", [0.5, 0.4, 0.3, 0.2, 0.1], 5),
    ],
)
def test_early_stopping_ends_as_a_run_of_just_that_many_epochs(
    monitor: str, scores: list[float], stops_after: int
) -> None:
    stopping = EarlyStopping(monitor=Monitor(monitor), patience=2)
    stopped = trainer(stopping, epochs=5, validator=Scripted(scores)).fit()
    plain = trainer(epochs=stops_after, validator=Scripted(scores)).fit()
    assert stopped.epoch == stops_after
    assert equal(stopped.model, plain.model)


def test_a_stopped_run_that_is_resumed_trains_no_further() -> None:
    state = trainer(validator=Scripted([0.5])).state
    state.history = [{"macro_f1": 0.5}, {"macro_f1": 0.4}, {"macro_f1": 0.4}]
    resumed = trainer(EarlyStopping(monitor=Monitor("macro_f1"), patience=2), epochs=9)
    resumed.state.history, resumed.state.epoch = state.history, 3
    assert resumed.fit().step == 0


# Trap "EMA must be restored AFTER construction, BN buffers copied".
@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_ema_is_the_formula_for_weights_and_batch_norm_statistics(decay: float) -> None:
    expected: dict[str, Tensor] = {}

    def follow(state: TrainState) -> None:
        d = min(decay, (1 + state.step) / (10 + state.step))
        for name, value in state.model.state_dict().items():
            if value.is_floating_point():
                expected[name] = d * expected[name] + (1 - d) * value.double()
            else:
                expected[name] = value.clone()

    found = trainer(EMA(decay=decay), Watch(follow), epochs=2)
    for name, value in found.state.model.state_dict().items():
        expected[name] = value.double() if value.is_floating_point() else value.clone()
    state = found.fit()
    averages = state.eval_model.state_dict()
    assert state.eval_model is not state.model
    assert averages["backbone.1.num_batches_tracked"] == 2 * STEPS
    for name, value in averages.items():
        torch.testing.assert_close(value.double(), expected[name].double(), rtol=1e-5, atol=1e-6)
    assert not equal(state.eval_model, state.model)
    assert not any(parameter.requires_grad for parameter in state.eval_model.parameters())
    assert state.eval_model.backbone[3].weight.is_contiguous(memory_format=torch.channels_last)


def test_ema_changes_what_is_validated_and_nothing_of_what_is_trained() -> None:
    averaged, plain = trainer(EMA(decay=0.9)).fit(), trainer().fit()
    assert equal(averaged.model, plain.model)
    assert averaged.history[0]["train_loss"] == plain.history[0]["train_loss"]
    assert averaged.history[0]["loss"] == VALIDATOR.run(averaged.eval_model)[0]["loss"]
    assert averaged.history[0]["loss"] != plain.history[0]["loss"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_finite_loss_stops_at_the_step_whose_loss_is_not_finite(value: float) -> None:
    def poison(state: TrainState) -> None:
        if state.step == 3:
            state.loss_sum += value

    found = trainer(Watch(poison), FiniteLoss())
    with pytest.raises(ResumableStop, match="in step 3 "):
        found.fit()
    assert found.state.step == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_finite_loss_on_a_gpu_stops_one_step_late_and_names_the_right_step() -> None:
    state, guard = trainer().state, FiniteLoss()
    state.loss_sum = state.loss_sum.cuda()
    for state.step in range(1, 4):
        guard.on_step_end(state)
    state.loss_sum += float("nan")
    state.step = 4
    guard.on_step_end(state)
    state.step = 5
    with pytest.raises(ResumableStop, match="in step 4 "):
        guard.on_step_end(state)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("step", [2, STEPS])
def test_a_signal_ends_the_run_after_its_step_with_a_checkpoint(
    number: signal.Signals, step: int, tmp_path: Path
) -> None:
    before = handlers()
    during: list[list[Any]] = []

    def send(state: TrainState) -> None:
        during.append(handlers())
        if state.step == step:
            os.kill(os.getpid(), number)

    stop = StopSignals(folder=tmp_path, monitor=Monitor("macro_f1"))
    found = trainer(Watch(send), stop, epochs=2)
    with pytest.raises(
        ResumableStop, match=f"{number.name} in epoch 1: the state after step {step} "
    ) as stopped:
        found.fit()
    assert stopped.value.exit_code == 4
    assert found.state.step == step
    assert during[0] != before
    assert handlers() == before
    saved = checkpoint.load(tmp_path / "checkpoints", "last")
    assert saved is not None
    assert (saved["step"], saved["batch"]) == (step, step)
    assert all(torch.equal(v, saved["model"][k]) for k, v in found.state.model.state_dict().items())


def test_a_second_signal_ends_the_run_at_once(tmp_path: Path) -> None:
    before = handlers()

    def send_twice(state: TrainState) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)

    with pytest.raises(KeyboardInterrupt, match="SIGHUP"):
        trainer(Watch(send_twice), StopSignals(folder=tmp_path, monitor=Monitor("loss"))).fit()
    assert handlers() == before


def test_a_run_without_a_signal_restores_the_handlers(tmp_path: Path) -> None:
    before = handlers()
    trainer(StopSignals(folder=tmp_path, monitor=Monitor("macro_f1"))).fit()
    assert handlers() == before


# Trap "choose ONE checkpoint criterion".
@pytest.mark.parametrize(("monitor", "best"), [("macro_f1", 2), ("accuracy", 1), ("loss", 1)])
def test_best_is_the_monitored_epoch_and_last_the_newest(monitor: str, best: int, tmp_path: Path) -> None:
    states: dict[int, dict[str, Tensor]] = {}

    class Keep(Callback):
        def on_epoch_end(self, state: TrainState) -> None:
            values = state.eval_model.state_dict()
            states[state.epoch] = {name: value.clone() for name, value in values.items()}

    keep = Checkpoints(folder=tmp_path, monitor=Monitor(monitor))
    found = trainer(EMA(decay=0.5), Keep(), keep, epochs=4, validator=Scripted([0.1, 0.6, 0.6, 0.2]))
    state = found.fit()
    saved, last = (checkpoint.load(tmp_path / "checkpoints", name) for name in ("best", "last"))
    assert saved is not None
    assert saved["scores"]["epoch"] == best
    assert all(torch.equal(value, saved["model"][name]) for name, value in states[best].items())
    assert last is not None
    assert (last["epoch"], last["step"], last["batch"]) == (4, 4 * STEPS, 0)
    assert last["history"] == state.history


@pytest.mark.parametrize(("minutes", "kept"), [(0.0, {4, 5}), (60.0, set())])
def test_checkpoints_within_an_epoch_come_after_so_many_minutes(
    minutes: float, kept: set[int], tmp_path: Path
) -> None:
    keep = Checkpoints(folder=tmp_path, monitor=Monitor("macro_f1"), minutes=minutes)
    found = trainer(keep, validator=Scripted([float("nan")]))  # ends before the epoch's own checkpoint
    with pytest.raises(ResumableStop):
        found.fit()
    steps = {int(path.stem[-7:]) for path in (tmp_path / "checkpoints").glob("last-*.json")}
    assert steps == kept


def test_a_checkpoint_of_a_step_that_is_no_number_stops_with_the_advice_of_one(tmp_path: Path) -> None:
    # a GPU's loss is looked at one step late, so the checkpoint may meet it first
    state = trainer(epochs=1).state
    state.loss_sum.fill_(math.nan)
    with pytest.raises(Diverged, match=r"state of training became nan in step 0 .*three times smaller"):
        Checkpoints(folder=tmp_path, monitor=Monitor("macro_f1")).save_last(state)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_history_is_a_json_object_a_line(tmp_path: Path) -> None:
    state = trainer(History(folder=tmp_path), epochs=2).fit()
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == state.history


def test_progress_says_each_epochs_scores(caplog: pytest.LogCaptureFixture) -> None:
    progress = CALLBACKS.build(
        Component.of("Progress"), task=TASK, batches=BATCHES, epochs=2, monitor=Monitor("macro_f1")
    )
    with caplog.at_level(logging.INFO, logger="podium"):
        trainer(progress, epochs=2, validator=Scripted([0.4321, 0.25])).fit()
    first, second = [record.getMessage() for record in caplog.records]
    assert first.startswith("Epoch 1/2")
    assert "macro-F1 0.4321" in first
    assert "best so far" in first
    assert "best so far" not in second


# Trap "accuracy logged under mixing is meaningless": it is measured as validation is.
def test_train_scores_are_those_of_the_evaluated_weights_on_unchanged_training_images() -> None:
    scores = TrainScores(task=TASK, validator=VALIDATOR, batches=BATCHES, images=8)
    state = trainer(EMA(decay=0.5), scores).fit()
    rows = np.linspace(0, TRAIN - 1, 8).astype(int)
    same = EvalBatches(SOURCE, rows, batch_size=8, size=SIZE, targets=TARGETS)
    expected = Validator(TASK, same, CRITERION, CPU).run(state.eval_model)[0]
    assert state.history[0]["train_accuracy"] == expected["accuracy"]
    assert state.history[0]["train_macro_f1"] == expected["macro_f1"]
    everything = TrainScores(task=TASK, validator=VALIDATOR, batches=BATCHES, images=10**6)
    assert trainer(everything).fit().history[0].keys() >= {"train_accuracy", "train_macro_f1"}


def test_train_scores_are_those_of_the_averaged_weights() -> None:
    def always_says(model: nn.Module, y: int) -> None:
        for name, label in (("mask", y // 6), ("gender", y // 3 % 2), ("age", y % 3)):
            nn.init.zeros_(model.heads[name].weight)
            nn.init.zeros_(model.heads[name].bias)[label] = 1

    present = _labels[:TRAIN]
    absent = min(set(range(18)) - set(present.tolist()))
    state = trainer(EMA()).fit()
    with torch.no_grad():
        always_says(state.eval_model, int(present[0]))
        always_says(state.model, absent)
    TrainScores(task=TASK, validator=VALIDATOR, batches=BATCHES).on_epoch_end(state)
    assert state.history[0]["train_accuracy"] == np.mean(present == present[0]) > 0


LABELS = [
    f"{head} f1/{label}"
    for head, labels in zip(TASK.heads, (MASKS, GENDERS, AGES), strict=True)
    for label in labels
]


def events(folder: Path) -> EventAccumulator:
    found = EventAccumulator(
        str(folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0}
    )
    return found.Reload()


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainState]:
    """The folder and the end of a run of two epochs, resumed once in the middle of the second."""
    folder = tmp_path_factory.mktemp("logged")

    class KilledAt7(Callback):
        def on_step_end(self, state: TrainState) -> None:
            if state.step == 6:
                checkpoint.save(folder, "last", state.step, state.state_dict())
            if state.step == 7:
                raise KeyboardInterrupt

    scores = TrainScores(task=TASK, validator=VALIDATOR, batches=BATCHES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DrawingBudget, "allows", lambda _: True)
        with pytest.raises(KeyboardInterrupt):
            trainer(scores, tensorboard(folder, every_steps=1), KilledAt7(), epochs=2).fit()
        resumed = trainer(scores, tensorboard(folder, every_steps=1), epochs=2)
        saved = checkpoint.load(folder, "last")
        assert saved is not None
        resumed.state.load_state_dict(saved)
        return folder, resumed.fit()


def test_tensorboard_has_every_curve_with_the_historys_numbers(logged: tuple[Path, TrainState]) -> None:
    found, history = events(logged[0]), logged[1].history
    names = {
        "epoch/train_loss": "train_loss",
        "epoch/loss": "loss",
        "epoch/accuracy": "accuracy",
        "epoch/macro_f1": "macro_f1",
        "epoch/train_macro_f1": "train_macro_f1",
        "epoch/lr": "lr",
        **{tag: tag.replace(" f1/", "/f1/") for tag in LABELS},
    }
    assert len(LABELS) == 8
    for tag, name in names.items():
        shown = [event.value for event in found.Scalars(tag)]
        assert shown == pytest.approx([entry[name] for entry in history]), tag


def test_tensorboard_has_the_loss_and_the_rate_of_every_step_once_although_it_was_killed(
    logged: tuple[Path, TrainState],
) -> None:
    found = events(logged[0])
    for tag in ("step/train loss", "step/lr"):
        assert [event.step for event in found.Scalars(tag)] == list(range(1, 2 * STEPS + 1)), tag
    losses = [event.value for event in found.Scalars("step/train loss")]
    for epoch, entry in enumerate(logged[1].history):
        assert np.mean(losses[epoch * STEPS : (epoch + 1) * STEPS]) == pytest.approx(
            entry["train_loss"], rel=1e-4
        )


@pytest.mark.slow
def test_a_run_resumed_between_epochs_keeps_the_curves_of_the_epoch_before(tmp_path: Path) -> None:
    keep = Checkpoints(folder=tmp_path, monitor=Monitor("macro_f1"))
    trainer(tensorboard(tmp_path, epochs=1), keep, epochs=1).fit()
    resumed = trainer(tensorboard(tmp_path), epochs=2)
    saved = checkpoint.load(tmp_path / "checkpoints", "last")
    assert saved is not None
    resumed.state.load_state_dict(saved)
    resumed.fit()
    found = events(tmp_path)
    assert [event.step for event in found.Scalars("epoch/macro_f1")] == [STEPS, 2 * STEPS]
    assert [event.step for event in found.Images("confusion/class")] == [STEPS, 2 * STEPS]
    assert len(found.Images("training images, augmented")) == 1


def test_tensorboard_has_confusion_matrices_mistakes_and_augmented_images(
    logged: tuple[Path, TrainState],
) -> None:
    found = events(logged[0])
    for tag in ("confusion/mask, gender, age", "confusion/class", "F1 of each label", "worst mistakes"):
        pictures = found.Images(tag)
        assert [picture.step for picture in pictures] == [STEPS, 2 * STEPS]
        assert all(picture.width > 200 and picture.height > 100 for picture in pictures)
    assert [picture.step for picture in found.Images("training images, augmented")] == [0]
    assert found.Images("confusion/class")[0].width > 900  # 18 classes with their names


def test_tensorboard_has_the_config_and_one_chart_with_the_eight_label_f1s(
    logged: tuple[Path, TrainState],
) -> None:
    found = events(logged[0])
    (text,) = found.Tensors("config.ini/text_summary")
    assert "마스크" in text.tensor_proto.string_val[0].decode()
    (layout,) = found.Tensors("custom_scalars__config__")
    charts = Layout.FromString(layout.tensor_proto.string_val[0]).category[0].chart
    tags = {chart.title: list(chart.multiline.tag) for chart in charts}
    assert tags["F1 of each label"] == LABELS
    assert {tag for lines in tags.values() for tag in lines} <= set(found.Tags()["scalars"])


# Trap "add_figure without closing figures; use Agg".
def test_pictures_leave_no_figure_open(logged: tuple[Path, TrainState]) -> None:
    assert events(logged[0]).Images("confusion/class")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
    managers = sys.modules.get("matplotlib._pylab_helpers")
    assert managers is None or managers.Gcf.figs == {}
