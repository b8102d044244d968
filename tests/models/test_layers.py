"""A model's layers: each parameter once, in the order in which images pass them."""

import pytest
import timm
import torch
from torch import nn

from models.base import MODELS, Classifier
from models.layers import layers
from tests.models.shapes import Shapes
from utils.registry import Component

HEADS = {"a": 3, "b": 2}
OPTIONS = {
    "TimmModel": {"backbone": "convnext_atto"},
    "FusedBackbones": {"backbones": "convnext_atto, resnet10t", "conv_branch": 4},
    "SeparateBackbones": {"backbones": "a: convnext_atto, b: resnet10t"},
}


def build(name: str) -> nn.Module:
    component = Component.of(name, **OPTIONS.get(name, {}))
    with Shapes(), torch.device("meta"):
        return MODELS.build(component, heads=HEADS, image_size=(64, 64), fresh=False)


def named(model: nn.Module) -> list[list[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [[names[id(parameter)] for parameter in layer] for layer in layers(model)]


def around(*backbones: str) -> Classifier:
    """Return a model whose backbone is a module with these timm backbones, which a layer joins."""
    with Shapes(), torch.device("meta"):
        inside = nn.Module()
        inside.parts = nn.ModuleDict(
            {str(i): timm.create_model(name, num_classes=0) for i, name in enumerate(backbones)}
        )
        inside.join = nn.Linear(8, 4)
        return Classifier(inside, 4, HEADS)


@pytest.mark.parametrize("name", MODELS.names())
def test_every_parameter_is_in_one_layer_and_the_heads_are_the_last_one(name: str) -> None:
    model = build(name)
    found = named(model)
    flat = [name for layer in found for name in layer]
    assert sorted(flat) == sorted(name for name, _ in model.named_parameters())
    assert all(found)
    assert set(found[-1]) == {name for name in flat if not name.startswith("backbone.")}
    assert len(found) > 3


@pytest.mark.parametrize(
    "name",
    ["efficientnet_b0", "swin_tiny_patch4_window7_224", "beit_base_patch16_224", "nfnet_l0", "densenet121",
     "caformer_s18", "hgnetv2_b0", "maxvit_tiny_tf_224", "inception_v3", "mobilenetv3_small_100"],
)  # fmt: skip
def test_any_backbone_of_timm_is_taken_apart_completely(name: str) -> None:
    found = named(around(name))
    assert len({n for layer in found for n in layer}) == sum(map(len, found))
    assert len(found) >= 6
    assert len(found[-3]) < 0.8 * sum(map(len, found))


def test_a_resnet_is_its_stem_and_its_blocks() -> None:
    found = named(build("ResNet18"))
    blocks = [f"backbone.layer{stage}.{block}." for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert found[0] == ["backbone.conv1.weight", "backbone.bn1.weight", "backbone.bn1.bias"]
    for layer, start in zip(found[1:-1], blocks, strict=True):
        assert all(name.startswith(start) for name in layer)


def test_a_vision_transformers_last_norm_belongs_to_its_last_block() -> None:
    found = named(build("VisionTransformer"))
    assert len(found) == 1 + 12 + 1
    assert {"backbone.cls_token", "backbone.pos_embed", "backbone.patch_embed.proj.weight"} <= set(found[0])
    assert {"backbone.norm.weight", "backbone.blocks.11.mlp.fc2.weight"} <= set(found[12])


def test_what_timm_counts_among_the_head_belongs_to_the_last_block() -> None:
    last = named(build("TimmModel"))[-2]
    assert {"backbone.head.norm.weight", "backbone.stages.3.blocks.1.gamma"} <= set(last)


def test_a_sequence_is_its_parts_each_with_the_norm_after_it() -> None:
    assert named(build("TinyNet")) == [
        *(
            [f"backbone.{i}.weight", f"backbone.{i + 1}.weight", f"backbone.{i + 1}.bias"]
            for i in (0, 3, 6, 9)
        ),
        [f"heads.{head}.{kind}" for head in HEADS for kind in ("weight", "bias")],
    ]
    small = named(build("SmallResNet"))
    assert [layer[0].split(".")[1] for layer in small[:-1]] == [str(i) for i in (1, 3, *range(5, 13))]


def test_an_unknown_backbone_is_its_own_weights_and_then_its_children_in_order() -> None:
    class Unknown(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.later = nn.ModuleList([nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2, bias=False)])
            self.token = nn.Parameter(torch.zeros(1, 2))
            self.tied = self.later[0]
            self.dropout = nn.Dropout()

    assert named(Classifier(Unknown(), 2, {"a": 2})) == [
        ["backbone.token"],
        [f"backbone.later.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")],
        ["backbone.later.2.weight"],
        ["heads.a.weight", "heads.a.bias"],
    ]


def test_several_backbones_side_by_side_are_merged_by_depth() -> None:
    found = named(around("resnet18", "vit_tiny_patch16_224"))
    assert len(found) == 13 + 1 + 1
    assert found[-2] == ["backbone.join.weight", "backbone.join.bias"]
    resnet = [next((n.split(".")[3] for n in layer if ".parts.0." in n), None) for layer in found[:13]]
    assert resnet == [None, "conv1", "layer1", None, "layer1", "layer2", None, "layer2", "layer3", None,
                      "layer3", "layer4", "layer4"]  # fmt: skip
    assert "backbone.parts.1.cls_token" in found[0]
    assert "backbone.parts.1.norm.weight" in found[12]


def test_two_equal_backbones_have_the_layers_of_one() -> None:
    single, double = named(build("ResNet18")), named(around("resnet18", "resnet18"))
    assert [len(layer) for layer in double[:-2]] == [2 * len(layer) for layer in single[:-1]]
