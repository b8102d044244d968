"""What a table says of an image, in the model: numbers on one scale, and every head sees all of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.base import MODELS
from models.checks import check_outputs
from models.columns import Columns, columns_of, width_of, with_blank
from models.cost import cost_of
from models.heads.base import Heads
from utils.registry import Component

WORDS = (0, 2)  # a number, and a column of two words
SIZE = (32, 32)
VALUES = torch.tensor(
    [[30.0, 0, 1, 0, 0], [50.0, 0, 1, 0, 0], [0.0, 1, 0, 0, 1], [40.0, 0, 1, 0, 0]],
)  # the third says nothing; no one has the second word


def learnt(words=WORDS, values=VALUES) -> Columns:
    columns = Columns(words)
    columns.learn(values)
    return columns


def test_numbers_have_mean_0_and_deviation_1_and_missing_is_the_mean() -> None:
    seen = learnt()(VALUES)
    spread = np.std([30, 50, 40])
    assert seen[:, 0].tolist() == pytest.approx([-10 / spread, 10 / spread, 0, 0], abs=1e-6)
    assert seen[:, 1].tolist() == [0, 0, 1, 0]
    assert seen[:, 2:].tolist() == VALUES[:, 2:].tolist()


@given(
    st.lists(st.one_of(st.none(), st.floats(-1000, 1000, width=32)), min_size=2, max_size=20),
)
def test_a_number_is_standardised_as_numpy_does_and_back_again(numbers) -> None:
    values = torch.tensor([[number or 0.0, float(number is None)] for number in numbers])
    columns = Columns((0,))
    constant = columns.learn(values)
    known = np.array([number for number in numbers if number is not None], dtype=np.float64)
    seen = columns(values)[:, 0].double().numpy()
    if len(set(known.tolist())) < 2:
        assert constant == ([0] if len(known) == len(numbers) else [])
        assert not seen.any()
        return
    told = np.array([number is not None for number in numbers])
    back = seen[told] * known.std() + known.mean()
    assert back == pytest.approx(known, abs=1e-5 * max(1.0, np.abs(known).max()))
    assert not seen[~told].any()


def test_what_no_training_image_has_counts_for_nothing() -> None:
    columns = learnt(values=VALUES[[0, 1]])
    assert columns(torch.tensor([[40.0, 0, 0, 1, 0], [0.0, 1, 0, 0, 1]])).tolist() == [[0.0] * 5] * 2


def test_what_is_constant_is_said() -> None:
    same = torch.tensor([[0.1, 0, 1, 0, 0]] * 7)
    columns = Columns(WORDS)
    assert columns.learn(same) == [0, 1]
    assert columns(same)[:, 0].tolist() == [0.0] * 7
    assert learnt().learn(VALUES) == []


def test_what_is_mixed_before_is_what_is_mixed_after() -> None:
    columns, share = learnt(), 0.3
    mixed = VALUES.lerp(VALUES[[2, 0, 1, 3]], share)
    seen = columns(VALUES)
    assert columns(mixed).numpy() == pytest.approx(seen.lerp(seen[[2, 0, 1, 3]], share).numpy(), abs=1e-5)


def model_of(name: str, head: str = "Linear", conditioning: str = "Independent", **options: str) -> nn.Module:
    chosen = {space: Component(head, section="head") for space in ("first", "second")}
    if head == "MLDecoder":
        chosen = {space: Component.of(head, width="16", attention_heads="2") for space in chosen}
    heads = Heads(
        {"first": 3, "second": 2}, chosen, columns=WORDS, conditioning=Component(conditioning, section="c")
    )
    return MODELS.build(Component.of(name, **options), heads=heads, image_size=SIZE)


FUSED = {"backbones": "test_resnet.r160_in1k, test_vit.r160_in1k", "conv_branch": "4"}
APART = {"backbones": "first: test_resnet.r160_in1k, second: test_resnet.r160_in1k"}


@pytest.mark.parametrize(
    ("name", "head", "conditioning", "options"),
    [
        ("TinyNet", "Linear", "Independent", {}),
        ("TinyNet", "Cosine", "CoarseToFine", {}),
        ("TinyNet", "Shallow", "GatedExperts", {}),
        ("TinyNet", "MLDecoder", "Independent", {}),
        ("SmallResNet", "Linear", "Independent", {"widths": "4, 8", "blocks": "1, 1"}),
        ("SeparateBackbones", "Linear", "Independent", APART),
    ],
)
def test_every_head_sees_the_columns(name, head, conditioning, options) -> None:
    torch.manual_seed(0)
    model = model_of(name, head, conditioning, **options).eval()
    columns_of(model).learn(VALUES)
    images = torch.randint(0, 256, (4, 3, *SIZE), dtype=torch.uint8)
    with torch.no_grad():
        before = model(images, VALUES)
        other = VALUES.clone()
        other[1] = torch.tensor([35.0, 0, 0, 0, 1])
        after = model(images, other)
    for space, logits in before.items():
        changed = (logits - after[space]).abs().amax(dim=1) > 1e-6
        assert changed.tolist() == [False, True, False, False], space
    check_outputs(model, {"first": 3, "second": 2}, SIZE)


def test_without_columns_nothing_changes() -> None:
    plain = Heads({"first": 3})
    model = MODELS.build(Component("TinyNet"), heads=plain, image_size=SIZE)
    assert columns_of(model) is None
    assert not [name for name in model.state_dict() if "columns" in name]
    images = torch.zeros(2, 3, *SIZE, dtype=torch.uint8)
    assert len(with_blank(model, images)) == 1
    assert width_of(()) == 0


def test_scale_and_mean_go_with_the_weights() -> None:
    first, second = model_of("TinyNet"), model_of("TinyNet")
    columns_of(first).learn(VALUES)
    kept = first.state_dict()
    assert {"columns.mean", "columns.scale"} < kept.keys()
    second.load_state_dict(kept)
    assert columns_of(second)(VALUES).equal(columns_of(first)(VALUES))


def test_a_model_that_needs_columns_is_loud_without_them_and_its_cost_is_counted() -> None:
    model = model_of("TinyNet")
    with pytest.raises(TypeError, match="needs a table's columns"):
        model(torch.zeros(1, 3, *SIZE, dtype=torch.uint8))
    plain = MODELS.build(Component("TinyNet"), heads={"first": 3, "second": 2}, image_size=SIZE)
    assert cost_of(lambda: model_of("TinyNet"), SIZE).flops == cost_of(lambda: plain, SIZE).flops + 2 * 5 * 5


def test_a_net_of_images_alone_is_refused_where_columns_are_to_be_seen() -> None:
    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 3)

        def forward(self, images):
            return {"first": self.layer(images.float().mean(dim=(1, 2, 3))[:, None])}

    check_outputs(Alone(), Heads({"first": 3}), SIZE)
    with pytest.raises(ValueError, match="sees images alone"):
        check_outputs(Alone(), Heads({"first": 3}, columns=WORDS), SIZE)
