"""What models cost, against published numbers and sums by hand, and the limits on it."""

import pytest
import torch
from torch import nn

from models.base import MODELS
from models.cost import Cost, Limits, cost_of, cost_of_model
from models.heads.base import Heads
from utils.registry import Component


def classifier(backbone: str, labels: int = 1000) -> nn.Module:
    component = Component.of("TimmModel", backbone=backbone)
    return MODELS.build(component, heads={"label": labels}, image_size=(224, 224), fresh=False)


@pytest.mark.parametrize(
    ("backbone", "gmacs", "millions"),
    [
        ("resnet18", 1.814, 11.690),  # He et al., 2015, table 1: 1.8 x 10^9 multiply-adds
        ("vit_tiny_patch16_224", 1.253, 5.717),  # with the products inside the attention
    ],
)
def test_the_arithmetic_of_published_models_is_what_is_published(
    backbone: str, gmacs: float, millions: float
) -> None:
    cost = cost_of(lambda: classifier(backbone), (224, 224))
    assert cost.flops / 2e9 == pytest.approx(gmacs, abs=1e-3)
    assert cost.params / 1e6 == pytest.approx(millions, abs=1e-3)


def test_every_head_counts() -> None:
    few, many = (cost_of(lambda k=k: classifier("resnet10t", k), (64, 64)) for k in (10, 110))
    assert many.flops - few.flops == 2 * 512 * 100
    assert many.params - few.params == (512 + 1) * 100


def test_attention_in_a_head_counts_as_the_sums_say() -> None:
    decoder = Component.of("MLDecoder", width=8, attention_heads=2, feedforward=16, groups=3)
    heads = Heads({"label": 3}, default=decoder)
    plain = Heads({"label": 3})

    def flops(chosen: Heads) -> int:
        component = Component.of("TinyNet", width=1)
        return cost_of(
            lambda: MODELS.build(component, heads=chosen, image_size=(32, 32), fresh=False), (32, 32)
        ).flops

    tokens, queries, channels, width, feedforward = 4, 3, 8, 8, 16
    macs = tokens * channels * width  # into the decoder's width
    macs += (queries + 2 * tokens) * width * width + 2 * queries * tokens * width + queries * width * width
    macs += 2 * queries * width * feedforward + 3 * width
    assert flops(heads) - flops(plain) == 2 * (macs - 3 * channels)


def test_counting_takes_no_memory_and_no_random_number_and_leaves_the_default_device() -> None:
    before = torch.get_rng_state()
    cost_of(lambda: classifier("resnet10t"), (64, 64))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.zeros(1).device.type == "cpu"


def test_a_model_that_looks_at_numbers_says_why_it_cannot_be_counted() -> None:
    class Looks(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images if images.sum() > 0 else -images

    with pytest.raises(ValueError, match="can't be counted: RuntimeError"):
        cost_of(Looks, (8, 8))


def test_a_cost_is_printed_in_both_ways_of_counting() -> None:
    assert str(Cost(3_628_146_688, 11_689_512)) == "1.81 GMACs = 3.63 GFLOPs, 11.7 million weights"
    assert str(Cost(2_400_000, 1_234)) == "0.0012 GMACs = 0.0024 GFLOPs, 0.00123 million weights"


def test_a_limit_holds_up_to_its_value_and_names_itself() -> None:
    cost = Cost(4_000_000_000, 25_000_000)
    assert not Limits().any
    assert Limits(max_gflops=4, max_params=25).exceeded(cost) == []
    assert Limits(max_gflops=3.9, max_params=25).exceeded(cost) == ["max_gflops = 3.9"]
    assert Limits(max_gflops=3, max_params=2.5).exceeded(cost) == ["max_gflops = 3", "max_params = 2.5"]


def test_a_model_that_is_there_costs_what_its_outline_does_and_stays_as_it_is() -> None:
    model = classifier("resnet18").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert cost_of_model(model, (64, 64)) == cost_of(lambda: classifier("resnet18"), (64, 64))
    assert model.training
    for name, value in model.state_dict().items():
        assert value.device.type == "cpu"
        assert torch.equal(value, before[name]), name
