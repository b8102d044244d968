"""Two batches at once on a CPU, each with half of the threads."""

import copy
import random
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dataset.batches import EvalBatches
from inference.engines.eager import Eager
from inference.lanes import lanes_of
from inference.predict import Predictions, predict
from models.base import MODELS
from tests.inference.test_predict import CPU, Numbered, batches
from utils.device import Precision
from utils.registry import Component

ROWS = np.arange(11)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


class Mean(nn.Module):
    """Says the mean of each image, and keeps what it does on the way as an attribute: no other lane's."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))
        self.threads: list[tuple[str, int]] = []

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.threads.append((threading.current_thread().name[:4], torch.get_num_threads()))
        self.kept = images.float().mean(dim=(1, 2, 3))
        busy = torch.rand(300, 300, generator=torch.Generator().manual_seed(0)) @ torch.ones(300, 300)
        return {"a": torch.stack([self.kept * self.scale + self.shift, busy[: len(images), 0]], dim=1)}


def alone(model: nn.Module, precision: Precision = CPU) -> Predictions:
    """Return the predictions with one thread and one batch at a time."""
    torch.set_num_threads(1)
    predictions = predict(model, batches(ROWS, 2), precision, what="Test")
    torch.set_num_threads(2)
    return predictions


def test_batches_come_in_their_order_and_after_the_first_each_has_half_of_the_threads() -> None:
    model = Mean()
    predictions = predict(model, batches(ROWS, 2), CPU, what="Test")
    assert predictions.rows.tolist() == ROWS.tolist()
    assert predictions.logits["a"][:, 0].tolist() == ROWS.tolist()
    assert model.threads[0] == ("Main", 2)
    assert set(model.threads[1:]) <= {("lane", 1)}
    assert len(model.threads) < 6, "a copy answered some"
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("size", "batches_of_all"), [(11, 1), (6, 2)])
def test_few_batches_have_all_threads_as_a_lane_would_be_empty_half_of_the_time(
    size: int, batches_of_all: int
) -> None:
    model = Mean()
    predictions = predict(model, batches(ROWS, size), CPU, what="Test")
    assert predictions.logits["a"][:, 0].tolist() == ROWS.tolist()
    assert model.threads == [("Main", 2)] * batches_of_all


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_net_answers_with_the_bits_of_one_thread(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 4, 2)
    )

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"a": self.net(images.float())}

    precision = Precision(torch.device("cpu"), dtype)
    expected = alone(Net(), precision)
    for _ in range(5):
        predictions = predict(Net(), batches(ROWS, 2), precision, what="Test")
        assert torch.equal(predictions.logits["a"], expected.logits["a"])


def test_the_copy_has_the_same_weights_and_its_own_attributes() -> None:
    model = Mean()
    first, second = lanes_of(model)
    assert first is model
    assert second.scale is model.scale
    assert second.shift is model.shift
    assert second.threads is not model.threads


def by_torch(count: int) -> Tensor:
    return torch.rand(count, 2)


def by_numpy(count: int) -> Tensor:
    return torch.from_numpy(np.random.random((count, 2)))  # noqa: NPY002  # as people do


def by_python(count: int) -> Tensor:
    return torch.tensor([[random.random(), random.random()] for _ in range(count)])


@pytest.mark.parametrize("draw", [by_torch, by_numpy, by_python])
def test_a_model_that_draws_random_numbers_says_the_same_each_time(draw: Callable[[int], Tensor]) -> None:
    class Draws(Mean):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"a": super().forward(images)["a"] + draw(len(images))}

    def seed() -> None:
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        random.seed(5)

    seed()
    expected = alone(Draws())
    for _ in range(5):
        seed()
        model = Draws()
        predictions = predict(model, batches(ROWS, 2), CPU, what="Test")
        assert torch.equal(predictions.logits["a"], expected.logits["a"])
        assert model.threads == [("Main", 2)] * 6


class CountsInBuffer(Mean):
    """Says which image of all it is, the first time and then on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        answer = super().forward(images)["a"] + self.count
        self.count += len(images)
        return {"a": answer}


class CountsInNewBuffer(CountsInBuffer):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        answer = Mean.forward(self, images)["a"] + self.count
        self.count = self.count + len(images)
        return {"a": answer}


class CountsInPython(Mean):
    count = 0

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        answer = super().forward(images)["a"] + self.count
        self.count += len(images)
        return {"a": answer}


class DrawsByItself(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"a": super().forward(images)["a"] + torch.rand(len(images), 2, generator=self.generator)}


class DrawsByNumpy(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.generator = np.random.default_rng(0)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        drawn = torch.from_numpy(self.generator.random((len(images), 2)))
        return {"a": super().forward(images)["a"] + drawn}


@pytest.mark.parametrize(
    "kind", [CountsInBuffer, CountsInNewBuffer, CountsInPython, DrawsByItself, DrawsByNumpy]
)
def test_a_model_whose_answer_depends_on_the_batches_before_gets_them_in_their_order(
    kind: type[Mean],
) -> None:
    expected, model = alone(kind()), kind()
    predictions = predict(model, batches(ROWS, 2), CPU, what="Test")
    assert torch.equal(predictions.logits["a"], expected.logits["a"])
    assert model.threads == [("Main", 2)] * 6


def hooked() -> nn.Module:
    model = nn.Sequential(Mean())
    model[0].register_forward_hook(lambda *_: None)
    return model


def locked() -> nn.Module:
    model = nn.Sequential(Mean())
    model[0].lock = threading.Lock()
    with pytest.raises(TypeError):
        copy.deepcopy(model)
    return model


def by_itself() -> nn.Module:
    model = nn.Sequential(Mean())
    model[0].one_at_a_time = True
    return model


@pytest.mark.parametrize("make", [hooked, locked, by_itself])
def test_what_can_not_be_in_two_lanes_answers_alone_with_all_threads(make: object) -> None:
    model = make()
    predictions = predict(model, batches(ROWS, 2), CPU, what="Test")
    assert predictions.logits["a"][:, 0].tolist() == ROWS.tolist()
    assert model[0].threads == [("Main", 2)] * 6


def test_another_engine_than_pytorch_itself_answers_alone() -> None:
    class Other(Eager):
        one_at_a_time = True

    for engine, alone_too in ((Eager, False), (Other, True)):
        model = Mean()
        predict(nn.Sequential(engine(model=model)), batches(ROWS, 2), CPU, what="Test")
        assert (model.threads == [("Main", 2)] * 6) == alone_too


def test_an_error_of_a_model_or_of_reading_ends_it_and_leaves_no_thread() -> None:
    class Fails(Mean):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            if int(images.max()) > 4:
                raise FloatingPointError("image 5")
            return super().forward(images)

    with pytest.raises(FloatingPointError, match="image 5"):
        predict(Fails(), batches(ROWS, 2), CPU, what="Test")

    class Torn(Numbered):
        def batch(self, rows: np.ndarray) -> Tensor:
            if 6 in rows:
                raise OSError("torn")
            return super().batch(rows)

    with pytest.raises(OSError, match="torn"):
        predict(
            Mean(),
            EvalBatches(Torn(), ROWS, batch_size=2, size=None, targets={"a": torch.zeros(11, 2)}),
            CPU,
            what="Test",
        )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane")]
    assert torch.get_num_threads() == 2


def test_a_model_of_podiums_own_answers_as_one_after_another() -> None:
    torch.manual_seed(0)
    component = Component.of("TinyNet", width=4)
    model = MODELS.build(component, heads={"a": 2}, image_size=(6, 4), fresh=True).eval()
    expected = alone(model)
    assert len(lanes_of(model)) == 2
    predictions = predict(model, batches(ROWS, 2), CPU, what="Test")
    assert torch.equal(predictions.logits["a"], expected.logits["a"])
