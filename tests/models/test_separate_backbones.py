"""Separate backbones for separate label spaces."""

import pytest
import timm
import torch
from torch import nn

from models.base import MODELS, Classifier
from models.heads.base import Heads
from models.separate_backbones import Assignment
from utils.errors import ConfigError
from utils.registry import Component

HEADS = {"mask": 3, "gender": 2, "age": 3}
SIZE = (64, 48)
TEXT = "mask+age: mobilenetv3_small_050, gender: resnet10t"


def build(text: str = TEXT, heads: dict[str, int] | Heads = HEADS, **options: object) -> Classifier:
    torch.manual_seed(0)
    component = Component.of("SeparateBackbones", backbones=text, **options)
    model = MODELS.build(component, heads=heads, image_size=SIZE, fresh=True)
    assert isinstance(model, Classifier)
    return model


def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("group", [("mask", "age"), ("gender",)])
def test_each_group_is_the_model_that_it_would_be_alone(group: tuple[str, ...]) -> None:
    joined = build().eval()
    number, name = {"mask": (0, "mobilenetv3_small_050"), "gender": (1, "resnet10t")}[group[0]]
    component = Component.of("TimmModel", backbone=name)
    alone = MODELS.build(component, heads={space: HEADS[space] for space in group}, image_size=SIZE).eval()
    state = joined.state_dict()
    mine = {key: value for key, value in state.items() if key.startswith(f"backbone.branches.{number}.1.")}
    alone.load_state_dict(
        {key.replace(f"backbone.branches.{number}.1.", "backbone."): value for key, value in mine.items()}
        | {key: value for key, value in state.items() if key.startswith(tuple(f"heads.{s}." for s in group))}
        | {key: value for key, value in alone.state_dict().items() if key.startswith("normalise.")}
    )
    with torch.no_grad():
        found, expected = joined(images()), alone(images())
    for space in group:
        torch.testing.assert_close(found[space], expected[space])


def test_logits_come_in_the_order_of_the_spaces() -> None:
    assert list(build()(images())) == list(HEADS)


def test_each_branch_has_the_mean_and_std_of_its_own_weights() -> None:
    names = ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "resnet18.a1_in1k")
    with torch.device("meta"):
        model = build(f"mask+age: {names[0]}, gender: {names[1]}")
    assert [type(branch[0]).__name__ for branch in model.backbone.branches] == ["Normalise"] * 2
    model = build("mask+age: efficientnet_b0.ra_in1k, gender: tf_efficientnet_b0.ap_in1k")
    for branch, name in zip(
        model.backbone.branches, ("efficientnet_b0.ra_in1k", "tf_efficientnet_b0.ap_in1k"), strict=True
    ):
        config = timm.get_pretrained_cfg(name)
        assert branch[0].mean.flatten().tolist() == pytest.approx(config.mean)
        assert branch[0].std.flatten().tolist() == pytest.approx(config.std)
    assert not torch.equal(model.backbone.branches[0][0].mean, model.backbone.branches[1][0].mean)


def test_a_spaces_loss_teaches_its_own_backbone_only() -> None:
    model = build()
    model(images())["gender"].square().sum().backward()
    first, second = model.backbone.branches
    assert all(parameter.grad is None for parameter in first.parameters())
    assert all(parameter.grad is not None for parameter in second.parameters())


def test_chosen_heads_reach_their_spaces() -> None:
    model = build(heads=Heads(HEADS, {"gender": Component("Cosine")}))
    assert {space: type(head).__name__ for space, head in model.heads.items()} == {
        "mask": "Linear",
        "gender": "Cosine",
        "age": "Linear",
    }


def test_options_reach_every_backbone() -> None:
    model = build(drop_path=0.2, dropout=0.4, gradient_checkpointing=True)
    assert model.dropout.p == 0.4
    for branch in model.backbone.branches:
        assert branch[1].grad_checkpointing
        assert max(m.drop_prob for m in branch.modules() if hasattr(m, "drop_prob")) > 0
    assert not any(isinstance(m, nn.Dropout) and m.p == 0.4 for m in model.backbone.modules())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mask+gendre: resnet10t, age: resnet10t", r"label space 'gendre'\. Did you mean 'gender'"),
        ("mask+gender: resnet10t", "none is given for age"),
        ("mask+gender: resnet10t, age+mask: resnet10t", "mask is there twice"),
        ("mask+gender: resnet10t, age", r"'age' is not of the form.*mask\+gender: resnet18"),
        ("mask+: resnet10t", "is not of the form"),
        ("mask+gender: resnet10t, age: reznet10t", "no backbone 'reznet10t'. Did you mean 'resnet10t'"),
        ("", "is not of the form"),
    ],
)
def test_mistakes_are_refused_with_what_to_write(text: str, words: str) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=words):
        build(text)


def test_the_text_of_an_assignment_reads_back_as_itself() -> None:
    assignment = Assignment.from_text("mask + gender:resnet18.a1_in1k ,age: efficientnet_b0.ra_in1k")
    assert assignment.groups == (
        (("mask", "gender"), "resnet18.a1_in1k"),
        (("age",), "efficientnet_b0.ra_in1k"),
    )
    assert str(assignment) == "mask+gender: resnet18.a1_in1k, age: efficientnet_b0.ra_in1k"
    assert Assignment.from_text(str(assignment)) == assignment
