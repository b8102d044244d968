"""The one function that runs a model for evaluation."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dataset.batches import EvalBatches
from inference.predict import predict
from utils.device import Precision

CPU = Precision(torch.device("cpu"), torch.float32)
COUNT = 11


class Numbered:
    """Image i has the value i in all of its bytes."""

    def __init__(self) -> None:
        self.bad: dict[int, str] = {}
        self.asked: list[int] = []

    def __len__(self) -> int:
        return COUNT

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        self.asked += rows.tolist()
        values = torch.as_tensor(rows, dtype=torch.uint8).view(-1, 1, 1, 1)
        return values.expand(-1, 3, 6, 6)


class Says(nn.Module):
    """Its logits are the image's number and its height; it has layers that behave otherwise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout(0.5)
        self.calls: list[tuple[bool, bool]] = []

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.calls.append((self.training, torch.is_inference_mode_enabled()))
        value = self.drop(self.norm(images.float())) * (1 + self.norm.eps) ** 0.5
        height = torch.full_like(value[:, 0, 0, 0], images.shape[2])
        return {"a": torch.stack([value[:, 0, 0, 0], height], dim=1)}


def batches(rows: NDArray[np.int64], size: int = 4) -> EvalBatches:
    targets = {"a": torch.arange(2 * COUNT).view(COUNT, 2).float()}
    return EvalBatches(Numbered(), rows, batch_size=size, size=(6, 4), targets=targets)


@pytest.mark.parametrize("size", [1, 4, 11, 50])
def test_each_image_is_predicted_once_and_in_order_whatever_the_batch_size(size: int) -> None:
    data = batches(np.arange(COUNT), size)
    found = predict(Says(), data, CPU, what="Test")
    assert found.rows.tolist() == list(range(COUNT))
    assert found.logits["a"][:, 0].tolist() == pytest.approx(list(range(COUNT)), rel=1e-5)
    assert torch.equal(found.targets["a"], data.targets["a"])
    assert data.source.asked == list(range(COUNT))
    assert len(data) == -(-COUNT // size)


def test_some_rows_come_in_the_order_in_which_they_are_given() -> None:
    rows = np.array([7, 2, 9])
    found = predict(Says(), batches(rows, 2), CPU, what="Test")
    assert found.rows.tolist() == [7, 2, 9]
    assert found.logits["a"][:, 0].tolist() == pytest.approx([7, 2, 9], rel=1e-5)
    assert found.targets["a"][:, 0].tolist() == [14, 4, 18]


def test_the_model_is_in_eval_mode_meanwhile_and_no_gradient_is_kept() -> None:
    model = Says().train()
    found = predict(model, batches(np.arange(COUNT)), CPU, what="Test")
    assert model.calls == [(False, True)] * 3
    assert not found.logits["a"].requires_grad
    assert not found.logits["a"].is_inference()  # so that it can be used in training later
    assert model.norm.num_batches_tracked == 0


# Trap "BN in frozen layers still updates running stats in train()": who froze them keeps them frozen.
@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("norm", [True, False])
def test_each_layers_mode_is_afterwards_as_it_was(root: bool, norm: bool) -> None:
    model = Says().train(root)
    model.norm.train(norm)
    predict(model, batches(np.arange(COUNT)), CPU, what="Test")
    assert (model.training, model.norm.training, model.drop.training) == (root, norm, root)


def test_the_mode_is_restored_after_an_error_too() -> None:
    model = Says().train()
    with pytest.raises(IndexError):
        predict(model, batches(np.array([0, COUNT + 5])), CPU, what="Test")
    assert model.training
    assert model.norm.training


def test_half_precision_predictions_come_back_as_float32() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            self.dtype = self.linear(images.float().mean(dim=(2, 3))).dtype
            return {"a": self.linear(images.float().mean(dim=(2, 3)))}

    model = Layer()
    half = predict(
        model, batches(np.arange(COUNT)), Precision(torch.device("cpu"), torch.bfloat16), what="Test"
    )
    assert model.dtype == torch.bfloat16
    assert half.logits["a"].dtype == torch.float32
    full = predict(model, batches(np.arange(COUNT)), CPU, what="Test")
    assert model.dtype == torch.float32
    torch.testing.assert_close(half.logits["a"], full.logits["a"], rtol=0.05, atol=0.05)
