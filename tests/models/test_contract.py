"""What every model keeps, and what the backbones' weights and names come to."""

import logging
import pickle
import time
from functools import cache
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from models.backbone import current_name
from models.base import MODELS, Classifier
from models.checks import check_outputs
from tests.models.shapes import Shapes
from utils.errors import ConfigError
from utils.registry import Component

HEADS = {"mask": 3, "gender": 2, "age": 3}
SIZE = (64, 48)
SMALL = (  # built in a moment
    "FusedBackbones", "MobileNetV3Small", "ResNet18", "SeparateBackbones", "SmallResNet", "TimmModel",
    "TinyNet", "VisionTransformer",
)  # fmt: skip
TINY = "mobilenetv3_small_050"
BACKBONE = {
    "TimmModel": {"backbone": TINY},
    "FusedBackbones": {"backbones": f"{TINY}, resnet10t", "conv_branch": 4},
    "SeparateBackbones": {"backbones": f"mask+gender: {TINY}, age: resnet10t"},
}
NAMED = [name for name in MODELS.names() if hasattr(MODELS.get(name), "backbone_name")]
LARGE = (
    "ConvNeXtSmall", "DenseNet201", "ECANFNetL2", "EfficientNetB6", "EfficientNetV2L", "EfficientNetV2S",
    "SwinBase", "SwinSmall", "SwinV2CRTiny", "TResNetL", "ViTBase", "ViTSmall",
)  # fmt: skip
every_model = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=(pytest.mark.slow, pytest.mark.nets)) if name in LARGE else name
        for name in MODELS.names()
    ],
)


def build(
    name: str,
    *,
    heads: dict[str, int] = HEADS,
    size: tuple[int, int] = SIZE,
    fresh: bool = True,
    **options: object,
) -> Classifier:
    component = Component.of(name, **BACKBONE.get(name, {}) | options)
    model = MODELS.build(component, heads=heads, image_size=size, fresh=fresh)
    assert isinstance(model, Classifier)
    return model


@cache
def without_memory(name: str) -> Classifier:
    """The model on the meta device: real shapes, no numbers."""
    with Shapes(), torch.device("meta"):
        return build(name)


@cache
def small(name: str) -> Classifier:
    torch.manual_seed(0)
    return build(name).eval()


@cache
def outputs(name: str) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """The width of the features that each head sees, and the shapes of the logits of two images."""
    model, widths = without_memory(name), []
    hook = model.backbone.register_forward_hook(lambda _, __, features: widths.append(features))
    with Shapes():
        logits = model(torch.zeros(2, 3, *SIZE, dtype=torch.uint8, device="meta"))
    hook.remove()
    seen = widths[0] if isinstance(widths[0], dict) else dict.fromkeys(logits, widths[0])
    assert all(features.ndim == 2 for features in seen.values())
    return (
        {key: features.shape[1] for key, features in seen.items()},
        {key: tuple(value.shape) for key, value in logits.items()},
    )


def images(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, *SIZE), dtype=torch.uint8, generator=generator)


def shapes(model: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in model.state_dict().items()]


@every_model
def test_logits_are_a_dict_with_exactly_the_widths_of_the_heads(name: str) -> None:
    assert outputs(name)[1] == {"mask": (2, 3), "gender": (2, 2), "age": (2, 3)}


@pytest.mark.parametrize("name", SMALL)
def test_one_head_is_a_dict_too(name: str) -> None:
    options = {"backbones": f"class: {TINY}"} if name == "SeparateBackbones" else {}
    with torch.device("meta"):
        model = build(name, heads={"class": 18}, **options)
    logits = model(torch.zeros(2, 3, *SIZE, dtype=torch.uint8, device="meta"))
    assert {key: tuple(value.shape) for key, value in logits.items()} == {"class": (2, 18)}


# Traps "num_classes via timm instead of touching .fc" and "no heads on 1000 logits"; defects 7 and 8.
@every_model
def test_heads_read_the_features_and_no_layer_gives_1000_imagenet_logits(name: str) -> None:
    model, features = without_memory(name), outputs(name)[0]
    for space, head in model.heads.items():
        first = next(module for module in head.modules() if isinstance(module, nn.Linear))
        assert first.in_features == features[space] != 1000
    widths = [m.out_features for m in model.modules() if isinstance(m, nn.Linear)]
    assert 1000 not in widths


def test_b4t_differs_from_b4_by_its_two_layer_heads() -> None:
    # Defect 8: the source's B4T was the same model as its B4.
    plain, deep = (without_memory(name) for name in ("EfficientNetB4", "EfficientNetB4T"))
    assert shapes(plain.backbone) == shapes(deep.backbone)
    assert shapes(plain.heads) != shapes(deep.heads)
    for head in deep.heads.values():
        assert len([module for module in head.modules() if isinstance(module, nn.Linear)]) == 2


@pytest.mark.parametrize("name", SMALL)
def test_bytes_and_floats_in_0_to_1_give_the_same_logits(name: str) -> None:
    with torch.no_grad():
        from_bytes, from_floats = small(name)(images()), small(name)(images().float() / 255)
    for head in HEADS:
        torch.testing.assert_close(from_bytes[head], from_floats[head], rtol=0, atol=0)


@pytest.mark.parametrize("name", SMALL)
def test_an_images_logits_do_not_depend_on_the_others_in_the_batch(name: str) -> None:
    with torch.no_grad():
        together, alone = small(name)(images()), small(name)(images()[:1])
    for head in HEADS:
        torch.testing.assert_close(together[head][:1], alone[head], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(together[head][0], together[head][1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*SMALL, "MobileNetV3"])
def test_a_training_step_gives_every_parameter_a_finite_gradient(name: str) -> None:
    torch.manual_seed(0)
    model = build(name).train()
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    logits = model(images(4))
    targets = torch.arange(4) % 2
    sum(F.cross_entropy(value, targets) for value in logits.values()).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    torch.optim.AdamW(model.parameters(), lr=1e-3).step()
    changed = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
    for part in (model.backbone, *model.heads.values()):  # zeros at the end of a block hold the rest up
        inside = {id(parameter) for parameter in part.parameters()}
        assert changed & {key for key, value in model.named_parameters() if id(value) in inside}
    assert all(value.isfinite().all() for value in model.parameters())


# Trap "test transform must equal the validation transform incl. mean and std; store it in the checkpoint".
@every_model
def test_mean_and_std_are_saved_with_the_weights(name: str) -> None:
    assert {"normalise.mean", "normalise.std"} <= without_memory(name).state_dict().keys()


def test_normalisation_uses_the_mean_and_std_of_the_backbones_own_weights() -> None:
    model = small("VisionTransformer")
    config = timm.get_pretrained_cfg("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    assert model.normalise.mean.flatten().tolist() == pytest.approx(config.mean)
    assert config.mean != pytest.approx(small("TinyNet").normalise.mean.flatten().tolist())
    grey = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    expected = [(1 - mean) / std for mean, std in zip(config.mean, config.std, strict=True)]
    assert model.normalise(grey)[0, :, 0, 0].tolist() == pytest.approx(expected)


# Trap "ViT/Swin fixed input size".
def test_image_size_reaches_the_vision_transformer() -> None:
    with torch.device("meta"):
        model = build("VisionTransformer", size=(96, 32))
    assert model.state_dict()["backbone.pos_embed"].shape[1] == 6 * 2 + 1
    check_outputs(model, HEADS, (96, 32))


@pytest.mark.parametrize("size", [(100, 96), (96, 50), (8, 8)])
def test_an_image_size_that_patches_do_not_cover_is_refused(size: tuple[int, int]) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match="multiples of 16, 16"):
        build("VisionTransformer", size=size)


def test_a_model_with_other_widths_than_the_task_needs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'age': \(2, 3\).*needs.*'age': \(2, 4\)"):
        check_outputs(small("TinyNet"), HEADS | {"age": 4}, SIZE)


def test_checking_the_outputs_leaves_mode_and_batch_norm_statistics_alone() -> None:
    model = build("TinyNet").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_outputs(model, HEADS, SIZE)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_wrong_backbone_name_gets_the_closest_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'resnet18'"):
        build("TimmModel", backbone="reznet18")


# Trap "default weights differ by timm version: pin tags".
def test_a_wrong_tag_gets_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match=r"resnet18\.tv_in1k"):
        build("TimmModel", backbone="resnet18.tv_in2k")


@pytest.mark.parametrize("name", NAMED)
def test_every_named_backbone_pins_its_weights(name: str) -> None:
    backbone = MODELS.get(name).backbone_name  # type: ignore[attr-defined]
    assert backbone in timm.list_pretrained()


@pytest.mark.parametrize(
    ("old", "current"),
    [
        ("tf_efficientnet_b4_ns", "tf_efficientnet_b4.ns_jft_in1k"),
        ("tv_resnet152", "resnet152.tv_in1k"),
        ("swin_base_patch4_window7_224_in22k", "swin_base_patch4_window7_224.ms_in22k"),
        ("efficientnet_b2a", "efficientnet_b2"),
    ],
)
def test_an_old_name_means_its_current_one_and_a_log_line_says_so(
    old: str, current: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="podium"):
        assert current_name(old) == current
    assert caplog.messages == [f"backbone {old} is now called {current}"]
    caplog.clear()
    assert current_name(current) == current
    assert caplog.messages == []


def test_an_old_name_builds_the_current_model() -> None:
    old, new = "regnetz_040h", "regnetz_040_h"
    with torch.device("meta"):
        found, expected = (build("TimmModel", backbone=name) for name in (old, new))
    assert shapes(found) == shapes(expected)
    with pytest.raises(ConfigError, match=r"no backbone 'tv_resnet152\.tv2_in1k'"):
        current_name("tv_resnet152.tv2_in1k")


@pytest.mark.parametrize(
    "name", ["timm/resnet18.a1_in1k", "hf_hub:timm/resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"]
)
def test_a_name_as_its_page_on_the_hub_gives_it_means_that_model(name: str) -> None:
    assert current_name(name) == "resnet18.a1_in1k"
    with torch.device("meta"):
        found, expected = (build("TimmModel", backbone=one) for one in (name, "resnet18.a1_in1k"))
        build("SeparateBackbones", backbones=f"mask: {name}, gender+age: {TINY}")
        build("FusedBackbones", backbones=f"{name}, timm/{TINY}")
    assert shapes(found) == shapes(expected)


@pytest.mark.parametrize("name", ["somebody/resnet18", "hf_hub:timm/resnet18@main", "local-dir:models/x"])
def test_a_name_of_the_hub_that_is_not_timms_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(ConfigError, match=f"backbone = {name}: .* such as timm/resnet18"):
        current_name(name)


def test_names_that_timm_has_now_are_left_alone() -> None:
    assert current_name("vit_base_patch16_224_miil") == "vit_base_patch16_224_miil"
    assert current_name("convnext_tiny.in12k_ft_in1k") == "convnext_tiny.in12k_ft_in1k"


def test_drop_path_where_there_is_none_is_refused() -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match="drop_path_rate"):
        build("TimmModel", backbone="vgg11", drop_path=0.1)


def test_drop_path_and_dropout_of_the_config_reach_the_model() -> None:
    with torch.device("meta"):
        model = build("ResNet18", drop_path=0.25, dropout=0.5)
    rates = [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(0.25)
    assert model.dropout.p == 0.5


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of a ResNet18's weights, as people share them: with its 1000 ImageNet outputs."""
    torch.manual_seed(7)
    state = timm.create_model("resnet18").state_dict()
    folder = tmp_path_factory.mktemp("weights")
    files = {suffix: folder / f"resnet18.{suffix}" for suffix in ("pth", "safetensors")}
    torch.save(state, files["pth"])
    save_file(state, files["safetensors"])
    return files


def first_weight(model: Classifier) -> torch.Tensor:
    return model.state_dict()["backbone.conv1.weight"]


# Defect 5: `pre_trained` was read from the config and never reached the model.
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_pretrained_path_loads_these_weights(weights: dict[str, Path], suffix: str) -> None:
    torch.manual_seed(7)
    expected = timm.create_model("resnet18").state_dict()
    model = build("ResNet18", pretrained=weights[suffix])
    assert torch.equal(first_weight(model), expected["conv1.weight"])
    assert torch.equal(model.state_dict()["backbone.layer4.1.bn2.weight"], expected["layer4.1.bn2.weight"])
    check_outputs(model, HEADS, SIZE)


def test_no_weights_are_loaded_when_a_checkpoint_follows(tmp_path: Path) -> None:
    build("ResNet18", pretrained=tmp_path / "not there.pth", fresh=False)


def test_a_missing_weights_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not there\.pth: there is no such file"):
        build("ResNet18", pretrained=tmp_path / "not there.pth")


def test_weights_of_another_architecture_are_refused(weights: dict[str, Path]) -> None:
    words = (
        r"pretrained = .*resnet18\.pth: 0 of the 208 tensors of mobilenetv3_small_050 .* backbone = resnet18"
    )
    with pytest.raises(ConfigError, match=words):
        build("TimmModel", pretrained=weights["pth"])


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, suffix: str) -> None:
    for number, content in enumerate([b"", b"no weights at all", bytes(range(256)) * 9]):
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=f"pretrained = {path}: the file "):
            build("TimmModel", pretrained=path)


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self.made,)


def test_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made by the file"
    plain, zipped = tmp_path / "plain.pth", tmp_path / "zipped.pth"
    plain.write_bytes(pickle.dumps({"conv1.weight": Trap(made)}, protocol=2))
    torch.save({"conv1.weight": Trap(made)}, zipped)
    for path in (plain, zipped):
        with pytest.raises(ConfigError):
            build("TimmModel", pretrained=path)
    assert not made.exists()


@pytest.mark.parametrize("offline", [True, False])
def test_pretrained_without_a_network_is_refused_within_seconds(
    offline: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"hub can't be reached.*pretrained = PATH"):
        build("ResNet18", pretrained=True)
    assert time.monotonic() - started < 8


def test_a_backbone_that_never_had_weights_says_so() -> None:
    with pytest.raises(ConfigError, match="timm has no weights for 'botnet50ts_256'"):
        build("TimmModel", backbone="botnet50ts_256", pretrained=True)
