"""Several backbones whose features are joined."""

import pytest
import torch

from models.base import MODELS, Classifier
from models.normalise import IMAGENET_MEAN, IMAGENET_STD
from utils.errors import ConfigError
from utils.registry import Component

SIZE = (64, 48)
NAMES = "mobilenetv3_small_050, resnet10t"


def build(names: str = NAMES, **options: object) -> Classifier:
    torch.manual_seed(0)
    component = Component.of("FusedBackbones", backbones=names, **options)
    model = MODELS.build(component, heads={"age": 3, "mask": 2}, image_size=SIZE, fresh=True)
    assert isinstance(model, Classifier)
    return model


def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_heads_see_the_features_of_all_branches_one_after_another() -> None:
    model = build(conv_branch=5).eval()
    seen = []
    model.backbone.register_forward_hook(lambda _, __, features: seen.append(features))
    floats = images().float() / 255
    with torch.no_grad():
        logits = model(images())
        parts = [branch(floats) for branch in model.backbone.branches]
    assert [part.shape[1] for part in parts] == [1024, 512, 5]
    torch.testing.assert_close(seen[0], torch.cat(parts, dim=1))
    torch.testing.assert_close(logits["age"], model.heads["age"](seen[0]))
    assert model.heads["mask"].in_features == 1024 + 512 + 5


def test_each_branch_is_its_backbone_on_images_normalised_as_its_weights_want() -> None:
    model = build("efficientnet_b0.ra_in1k, tf_efficientnet_b0.ap_in1k").eval()
    values = [(IMAGENET_MEAN, IMAGENET_STD), ((0.5,) * 3, (0.5,) * 3)]
    floats = images().float() / 255
    with torch.no_grad():
        for branch, (mean, std) in zip(model.backbone.branches, values, strict=True):
            normal = (floats - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
            torch.testing.assert_close(branch(floats), branch[1](normal), rtol=1e-4, atol=1e-5)


def test_the_convolution_branch_is_one_convolution_relu_and_the_mean() -> None:
    model = build("resnet10t", conv_branch=7)
    branch = model.backbone.branches[1]
    floats = images().float() / 255
    normal = (floats - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    weight, bias = branch.state_dict()["1.weight"], branch.state_dict()["1.bias"]
    patches = normal.unfold(2, 3, 1).unfold(3, 3, 1)  # (N, 3, H-2, W-2, 3, 3)
    maps = torch.einsum("nchwij,ocij->nohw", patches, weight) + bias.view(-1, 1, 1)
    torch.testing.assert_close(branch(floats), maps.clamp(min=0).mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ("resnet10t", {}, "nothing to fuse"),
        ("resnet10t, , resnet10t", {}, "is empty"),
        ("resnet10t, reznet18", {}, "Did you mean 'resnet18'"),
        (NAMES, {"conv_branch": -1}, "-1 is not from 0"),
        (
            NAMES,
            {"pretrained": "a.pth, b.pth, no"},
            "these are 3 for 2 backbones; write yes, no or a path for",
        ),
        ("resnet10t, vgg11", {"gradient_checkpointing": True}, "vgg11 has no gradient checkpointing"),
        ("resnet10t, vgg11", {"drop_path": 0.1}, "vgg11 can't be made.*drop_path_rate"),
    ],
)
def test_mistakes_are_refused(names: str, options: dict[str, object], words: str) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=words):
        build(names, **options)
