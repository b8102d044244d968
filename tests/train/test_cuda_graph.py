"""Passes that are captured once and repeated train the same bits as those that are not."""

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dataset.augmentation.progressive_resizing import ProgressiveResizing
from loss.base import PerHeadLoss
from loss.cross_entropy import CrossEntropy
from models.base import MODELS
from models.heads.base import Heads
from tests.train.rig import CPU, SIZE, TASK, fixed, tiny, trainer, weights
from train.callbacks.ema import EMA
from train.callbacks.freeze import Freeze
from train.callbacks.sam import SAM
from train.cuda_graph import CapturedPasses, passes_of
from train.monitor import Monitor
from train.passes import Passes
from train.trainer import Trainer
from utils.device import Precision
from utils.registry import Component

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
MONITOR = Monitor("macro_f1")
CHAIN = [ProgressiveResizing(size=SIZE, epochs=2, until=0.7)]


class Replayed:
    """What a CUDA graph does, on any device: nothing until it is replayed, and then into the same memory."""

    def __init__(self) -> None:
        self.replays = 0

    def on(self, run: Trainer) -> None:
        """Let a run capture its passes with this."""
        self.model = run.state.model
        run.passes.capture = self.capture  # type: ignore[attr-defined]

    def capture(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        buffers, random = [buffer.clone() for buffer in self.model.buffers()], torch.get_rng_state()
        loss = work()
        gradients = [parameter.grad for parameter in self.model.parameters()]
        for buffer, value in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(value)
        torch.set_rng_state(random)

        def replay() -> None:
            self.replays += 1
            self.model.zero_grad(set_to_none=True)
            loss.copy_(work())
            for parameter, gradient in zip(self.model.parameters(), gradients, strict=True):
                if gradient is not None and parameter.grad is not None:
                    gradient.copy_(parameter.grad)

        return loss, replay


def frozen_for_an_epoch() -> Freeze:
    return Freeze(monitor=MONITOR, share=0.5, melt_after=1)


RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": dict,
    "dropout": lambda: {"model": fixed(lambda: tiny(dropout=0.3))},
    "several batches a step": lambda: {"accumulate": 2, "batch_size": 2},
    "a clipped gradient": lambda: {"clip": 0.1, "adam": True},
    "another size in the first part": lambda: {"chain": CHAIN},
    "layers frozen for an epoch": lambda: {"callbacks": [frozen_for_an_epoch()]},
    "two passes a step": lambda: {"callbacks": [SAM(precision=CPU, rho=0.05)]},
    "an average of the weights": lambda: {"callbacks": [EMA(decay=0.9)]},
}


@pytest.mark.parametrize("name", RUNS)
def test_captured_passes_train_the_same_bits(name: str) -> None:
    plain, captured = (
        trainer(epochs=2, **RUNS[name]()),
        trainer(epochs=2, passes=CapturedPasses, **RUNS[name]()),
    )
    graphs = Replayed()
    graphs.on(captured)
    _same(plain, captured)
    assert graphs.replays >= 4


class Counting(PerHeadLoss):
    """A loss whose Python code counts the batches, which a graph would not."""

    def __init__(self) -> None:
        super().__init__({name: CrossEntropy() for name in TASK.heads}, dict.fromkeys(TASK.heads, 1.0))
        self.batches = 0

    def forward(self, logits: Any, targets: Any) -> Tensor:
        self.batches += 1
        return super().forward(logits, targets) / self.batches


class Drawing(PerHeadLoss):
    """A loss that draws from Python's own generator."""

    def __init__(self) -> None:
        super().__init__({name: CrossEntropy() for name in TASK.heads}, dict.fromkeys(TASK.heads, 1.0))

    def forward(self, logits: Any, targets: Any) -> Tensor:
        return super().forward(logits, targets) * (1 + random.random())


@pytest.mark.parametrize(
    ("loss", "what"), [(Counting, "batches of Counting"), (Drawing, "the random numbers of Python")]
)
def test_what_python_code_keeps_from_batch_to_batch_is_not_captured(
    loss: Callable[[], PerHeadLoss], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    random.seed(3)
    plain = trainer(epochs=2, criterion=loss())
    plain.fit()
    random.seed(3)
    captured = trainer(epochs=2, criterion=loss(), passes=CapturedPasses)
    graphs = Replayed()
    graphs.on(captured)
    captured.fit()
    assert graphs.replays == 0
    assert [record.message for record in caplog.records if what in record.message] != []
    expected = weights(plain.state.model)
    assert all(torch.equal(value, expected[name]) for name, value in weights(captured.state.model).items())


@pytest.mark.parametrize(
    ("device", "asked", "kind"),
    [
        ("cuda", {"cuda_graph": True, "compile": False}, CapturedPasses),
        ("cuda", {"cuda_graph": False, "compile": False}, Passes),
        ("cuda", {"cuda_graph": True, "compile": True}, Passes),
        ("cpu", {"cuda_graph": True, "compile": False}, Passes),
    ],
)
def test_passes_are_captured_on_a_gpu_unless_something_else_makes_them(
    device: str, asked: dict[str, bool], kind: type[Passes]
) -> None:
    precision = Precision(torch.device(device), torch.float32)
    assert type(passes_of(tiny(), nn.Identity(), precision, CPU.scaler(), **asked)) is kind


def test_a_model_that_computes_activations_again_is_not_captured() -> None:
    model = tiny()
    model.grad_checkpointing = True
    precision = Precision(torch.device("cuda"), torch.float32)
    passes = passes_of(model, nn.Identity(), precision, CPU.scaler(), compile=False, cuda_graph=True)
    assert type(passes) is Passes


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", RUNS)
def test_on_a_gpu_a_graph_trains_the_same_bits(name: str, dtype: torch.dtype) -> None:
    if dtype == torch.float16 and name == "two passes a step":
        return  # refused
    common: dict[str, Any] = {"epochs": 2, "precision": Precision(torch.device("cuda"), dtype)}
    _same(trainer(**common, **RUNS[name]()), trainer(**common, **RUNS[name](), passes=CapturedPasses))


@on_gpu
def test_what_asks_the_gpu_for_a_number_is_refused_with_the_key() -> None:
    # in a process of its own, since nothing can be computed there afterwards
    script = (
        "import torch\nfrom train.cuda_graph import cuda_graph\n"
        "cuda_graph(lambda: torch.ones(1, device='cuda') * float(torch.ones(1, device='cuda')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "ConfigError: [train] cuda_graph: this model or loss can't be captured" in done.stderr
    assert "Write cuda_graph = no." in done.stderr


def _same(plain: Trainer, captured: Trainer) -> None:
    """Train both, and hold one against the other."""
    plain.fit()
    captured.fit()
    expected = weights(plain.state.model)
    for name, value in weights(captured.state.model).items():
        assert torch.equal(value, expected[name]), name
    without_time = [{key: entry[key] for key in entry if key != "seconds"} for entry in plain.state.history]
    found = [{key: entry[key] for key in entry if key != "seconds"} for entry in captured.state.history]
    assert found == without_time


def test_what_a_table_says_is_copied_to_where_the_graph_reads_it() -> None:
    heads = Heads({"kind": 2}, columns=(0,))
    model = MODELS.build(Component.of("TinyNet", width=2), heads=heads, image_size=SIZE).eval()
    passes = CapturedPasses(model, PerHeadLoss({"kind": CrossEntropy()}, {"kind": 1.0}), CPU, CPU.scaler())
    graph = Replayed()
    graph.model, passes.capture = model, graph.capture
    targets, images = {"kind": torch.eye(2)}, torch.rand(2, 3, *SIZE)

    losses = []
    for age in (0.0, 1.0, 5.0):
        model.zero_grad(set_to_none=True)
        table = torch.tensor([[age, 0.0], [-age, 0.0]])
        losses.append(float(passes((images, table), targets, batches=1)))
        with torch.no_grad():
            expected = PerHeadLoss({"kind": CrossEntropy()}, {"kind": 1.0})(model(images, table), targets)
        assert losses[-1] == pytest.approx(float(expected), abs=1e-6)
    assert graph.replays == 2
    assert len(set(losses)) == 3
