"""Files of weights: loaded whole, whoever wrote them, or refused with what they are and what to do."""

import argparse
import json
import logging
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from models.backbone import create_backbone
from models.base import MODELS
from models.pretrained import load_file_into
from models.timm_loading import create_timm_model
from utils.errors import ConfigError
from utils.registry import Component

NAME, SIZE = "mobilenetv3_small_050", (64, 64)
Tensors = dict[str, torch.Tensor]


def state_of(name: str, **options: Any) -> Tensors:
    torch.manual_seed(5)
    model = timm.create_model(name, **options)
    for value in model.state_dict().values():  # a fresh norm's ones and zeros could come from anywhere
        if value.is_floating_point() and value.ndim <= 1:
            value.uniform_(0.5, 1.5)
    return dict(model.state_dict())


@pytest.fixture(scope="module")
def weights() -> Tensors:
    return state_of(NAME)


def after(prefix: str, weights: Tensors) -> Tensors:
    return {prefix + name: value for name, value in weights.items()}


def zeros(weights: Tensors) -> Tensors:
    return {name: torch.zeros_like(value) for name, value in weights.items()}


def backbone_of(path: Path, name: str = NAME, size: tuple[int, int] = SIZE) -> Tensors:
    return dict(create_backbone(name, size, path).module.state_dict())


def assert_loaded(found: Tensors, expected: Tensors, near: float = 0.0) -> None:
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name].float(), rtol=near, atol=near)


NESTINGS: dict[str, Callable[[Tensors], Any]] = {
    "as they are": lambda w: w,
    "Lightning": lambda w: {"state_dict": after("model.", w), "hyper_parameters": {"lr": 0.1}},
    "a module in a module": lambda w: {"state_dict": after("net.encoder.", w)},
    "mmpretrain": lambda w: {"state_dict": after("backbone.", w) | {"head.fc.bias": w["classifier.bias"]}},
    "with the optimiser": lambda w: {"model_state_dict": w, "optim": {0: {"exp_avg": w["bn1.bias"]}}},
    "by processes": lambda w: {"net": after("module.", w), "acc": 93.2},
    "compiled": lambda w: after("_orig_mod.module.", w),
    "deep down": lambda w: {"checkpoint": {"model": {"weights": w}}},
    "the average first": lambda w: {"state_dict": zeros(w), "state_dict_ema": w},
    "the average inside": lambda w: {"model": zeros(w), "ema": {"module": w}},
    "the average by its name": lambda w: {"state_dict": after("model.", zeros(w)) | after("ema_model.", w)},
    "the teacher": lambda w: {"student": after("backbone.", zeros(w)), "teacher": after("backbone.", w)},
    "in a list": lambda w: [w],
    "with a number of NumPy's": lambda w: {"state_dict": w, "best": np.float64(0.9)},
    "with arguments": lambda w: {"model": w, "args": argparse.Namespace(lr=0.1), "file": Path("x")},
    "without the classifier": lambda w: {n: v for n, v in w.items() if not n.startswith("classifier")},
    "without counters": lambda w: {n: v for n, v in w.items() if v.is_floating_point()},
}  # fmt: skip


@pytest.mark.parametrize("kind", NESTINGS)
def test_weights_are_found_whatever_is_around_them(kind: str, weights: Tensors, tmp_path: Path) -> None:
    torch.save(NESTINGS[kind](weights), tmp_path / "weights.pth")
    assert_loaded(backbone_of(tmp_path / "weights.pth"), weights)


@pytest.mark.parametrize("kind", ["half", "bfloat16"])
def test_weights_of_half_precision_are_loaded_as_they_were_rounded(
    kind: str, weights: Tensors, tmp_path: Path
) -> None:
    half = {n: v.to(getattr(torch, kind)) if v.is_floating_point() else v for n, v in weights.items()}
    torch.save(half, tmp_path / "weights.pth")
    assert_loaded(backbone_of(tmp_path / "weights.pth"), half)


def test_what_a_file_is_says_its_content_not_its_name(weights: Tensors, tmp_path: Path) -> None:
    save_file(weights, tmp_path / "weights.pth")
    torch.save(weights, tmp_path / "weights.safetensors")
    torch.save(weights, tmp_path / "first.tar", _use_new_zipfile_serialization=False)
    for path in tmp_path.iterdir():
        assert_loaded(backbone_of(path), weights)


def test_the_log_says_how_many_tensors_came_from_where(
    weights: Tensors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save({"state_dict": after("model.", weights)}, tmp_path / "small.pth")
    torch.save({"model": zeros(weights), "model_ema": weights}, tmp_path / "both.pth")
    with caplog.at_level(logging.INFO, logger="podium"):
        backbone_of(tmp_path / "small.pth")
        backbone_of(tmp_path / "both.pth")
    count = sum(v.is_floating_point() and not n.startswith("classifier") for n, v in weights.items())
    assert (
        caplog.messages[0] == f"{count} of {count} tensors from small.pth (state_dict, names after 'model.')"
    )
    assert caplog.messages[1] == f"{count} of {count} tensors from both.pth (model_ema)"
    assert caplog.messages[2].startswith("both.pth has other weights too that fit (model)")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("vit_tiny_patch16_224", "pos_embed"),
        ("swin_tiny_patch4_window7_224", "layers.0.blocks.0.attn.qkv.weight"),
    ],
)
def test_timms_own_filter_fits_weights_to_another_size_of_images(
    name: str, table: str, tmp_path: Path
) -> None:
    options = {"depth": 1} if name.startswith("vit") else {"depths": (1, 1, 1, 1)}
    state = state_of(name, **options)
    torch.save({"model": after("module.backbone.", state)}, tmp_path / "weights.pth")
    found = create_timm_model(name, tmp_path / "weights.pth", img_size=(96, 64), **options)
    torch.save(state, tmp_path / "plain.pth")
    overlay = {"file": str(tmp_path / "plain.pth")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = timm.create_model(
            name, pretrained=True, num_classes=0, img_size=(96, 64), pretrained_cfg_overlay=overlay, **options
        )
    assert torch.equal(found.state_dict()[table], expected.state_dict()[table])
    assert_loaded(dict(found.state_dict()), dict(expected.state_dict()))


WRONG_WEIGHTS: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "some are missing": (
        lambda w: {n: v for n, v in w.items() if not n.startswith("blocks.4")},
        r"In mobilenetv3_small_050 only: blocks\.4\..* and \d+ more.* The file lacks \d+ tensors",
    ),
    "other shapes": (
        lambda w: w | {"conv_stem.weight": w["conv_stem.weight"][:, :1]},
        r"conv_stem\.weight is \(16, 1, 3, 3\) there and \(16, 3, 3, 3\) here",
    ),
    "several prefixes": (
        lambda w: after("stem.", {n: v for n, v in w.items() if not n.startswith("blocks")})
        | after("body.", {n: v for n, v in w.items() if n.startswith("blocks")}),
        r"behind several prefixes \(body\., stem\.\)",
    ),
    "an optimiser": (
        lambda w: {"state": {0: {"exp_avg": w["bn1.bias"], "step": torch.ones(1)}}},
        "the state of an optimiser without the model's weights",
    ),
    "whole numbers": (
        lambda w: {n: v.to(torch.int8) for n, v in w.items()},
        "quantised weights can't be trained",
    ),
    "complex numbers": (
        lambda w: {n: v.to(torch.complex64) for n, v in w.items()},
        "complex numbers, which no backbone here has",
    ),
    "no values": (lambda w: {n: v.to("meta") for n, v in w.items()}, "holds no tensors, but these keys"),
    "not finite": (
        lambda w: w | {"bn1.weight": w["bn1.weight"] / 0}, r"bn1\.weight holds numbers that are not finite"
    ),
    "sparse": (
        lambda w: {n: (v / 0 if n == "bn1.weight" else v).to_sparse() for n, v in w.items() if v.dim()},
        r"bn1\.weight holds numbers that are not finite",
    ),
    "other names": (lambda w: {f"_x{i}": v for i, v in enumerate(w.values())}, "of another library"),
    "no tensors": (lambda w: {"lr": 0.1}, "holds no tensors, but these keys: 'lr'"),
    "a tensor": (lambda w: w["bn1.bias"], r"one tensor of shape \(16,\) without a name"),
    "nothing": (lambda w: {}, "an empty dict"),
    "a number": (lambda w: 3, "one value of type int"),
}  # fmt: skip


def test_a_link_to_nowhere_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").symlink_to("gone.pth")
    with pytest.raises(ConfigError, match=r"weights\.pth is a link to gone\.pth, which is not there"):
        backbone_of(tmp_path / "weights.pth")


@pytest.mark.parametrize("kind", WRONG_WEIGHTS)
def test_a_file_that_lacks_a_tensor_is_refused_with_the_nearest_explanation(
    kind: str, weights: Tensors, tmp_path: Path
) -> None:
    content, words = WRONG_WEIGHTS[kind]
    path = tmp_path / "weights.pth"
    torch.save(content(weights), path)
    with pytest.raises(ConfigError, match=f"pretrained = {path}.*{words}"):
        backbone_of(path)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("resnet34", "resnet18"),
        ("resnet18", "resnet34"),
        ("seresnet18", "resnet18"),
        ("resnet18", "regnety_002"),
    ],
)
def test_weights_of_another_architecture_are_refused_with_its_name(
    theirs: str, ours: str, tmp_path: Path
) -> None:
    torch.save(timm.create_model(theirs).state_dict(), tmp_path / "best.pth")
    with pytest.raises(ConfigError, match=f"another architecture: they fit backbone = {theirs}"):
        backbone_of(tmp_path / "best.pth", ours)


class Own:
    """An object of somebody's program."""


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")


def _numpy(path: Path, save: Callable[..., None]) -> None:
    with path.open("wb") as file:
        save(file, np.ones(3))


def _cut(path: Path, content: Any, **options: Any) -> None:
    torch.save(content, path, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


OTHER_KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a whole model": (lambda p: torch.save(nn.Linear(2, 2), p), "a whole pickled model .*linear.*state_dict"),
    "objects": (lambda p: torch.save({"a": torch.ones(9), "cfg": Own()}, p), r"objects of a program .*\.Own"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"a": Own()})), "is a pickle, but not of"),
    "LFS": (lambda p: p.write_text("version https://git-lfs.x/spec/v1\noid x\n"), "Git LFS.*git lfs pull"),
    "HTML": (lambda p: p.write_text("\n<!DOCTYPE html><html></html>"), "is a web page"),
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "text": (lambda p: p.write_text("these are my weights\n"), r"is a text \('these are my weights'"),
    "zeros": (lambda p: p.write_bytes(bytes(4000)), "full of zeros"),
    "noise": (lambda p: p.write_bytes(bytes(range(256)) * 9), "is no file of weights that is known"),
    "cut zip": (lambda p: _cut(p, {"a": torch.ones(999)}), "cut off"),
    "cut legacy": (
        lambda p: _cut(p, {"a": torch.ones(9999)}, _use_new_zipfile_serialization=False), "it may be cut off"
    ),
    "npz": (lambda p: _numpy(p, np.savez), r"a NumPy archive \(\.npz\)"),
    "npy": (lambda p: _numpy(p, np.save), "a NumPy array"),
    "zip": (lambda p: _zip(p, "best/model.pth", "readme"), "zip archive.*and name 'best/model.pth'"),
    "Keras": (lambda p: _zip(p, "config.json", "model.weights.h5"), "a model of Keras"),
    "h5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n"), "an HDF5 file"),
    "gzip": (lambda p: p.write_bytes(b"\x1f\x8b\x08xxx"), "packed by gzip: unpack it"),
    "folder": (lambda p: p.mkdir(), "this is a folder and no finished run; there is no weights file in it"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_refused_with_what_it_is(kind: str, tmp_path: Path) -> None:
    make, words = OTHER_KINDS[kind]
    path = tmp_path / "weights.pth"
    make(path)
    with pytest.raises(ConfigError, match=f"pretrained = {path}: .*{words}") as refused:
        backbone_of(path)
    assert "weights_only" not in str(refused.value)


def test_kinds_that_only_their_names_tell_are_said_too(weights: Tensors, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07\x12\x07pytorch\xff")
    with pytest.raises(ConfigError, match="an ONNX file"):
        backbone_of(tmp_path / "net.onnx")
    save_file(weights, tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"a damaged \.safetensors file, as if cut off"):
        backbone_of(tmp_path / "cut.safetensors")
    with pytest.raises(
        ConfigError, match=f"folder and no finished run; name a file in it, such as {tmp_path}/cut"
    ):
        backbone_of(tmp_path)
    with pytest.raises(ConfigError, match=r"none\.pth: there is no such file"):
        backbone_of(tmp_path / "none.pth")


def _save_shards(folder: Path, weights: Tensors) -> None:
    names = sorted(weights)
    parts = {f"model-0000{n + 1}-of-00003.safetensors": names[n::3] for n in range(3)}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, folder / file)
    where = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}), encoding="utf-8")


@pytest.mark.parametrize("name", ["model.safetensors.index.json", "model-00002-of-00003.safetensors"])
def test_shards_are_read_as_one_file(name: str, weights: Tensors, tmp_path: Path) -> None:
    _save_shards(tmp_path, weights)
    assert_loaded(backbone_of(tmp_path / name), weights)
    (tmp_path / "model-00003-of-00003.safetensors").unlink()
    with pytest.raises(ConfigError, match="1 of its 3 shards are not beside it, such as model-00003"):
        backbone_of(tmp_path / name)


def test_an_index_that_names_no_shard_is_refused(tmp_path: Path) -> None:
    for text in ("{}", "[]", '{"weight_map": {}}', "x"):
        (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="no index of weights"):
            backbone_of(tmp_path / "model.safetensors.index.json")


def test_weights_as_arrays_of_numpy_are_loaded(weights: Tensors, tmp_path: Path) -> None:
    arrays = {name: value.numpy() for name, value in weights.items()}
    torch.save({"model": arrays}, tmp_path / "a.pth")
    assert_loaded(backbone_of(tmp_path / "a.pth"), weights)


def test_weights_of_one_number_are_refused(weights: Tensors, tmp_path: Path) -> None:
    torch.save(zeros(weights), tmp_path / "zeros.pth")
    with pytest.raises(ConfigError, match="hold one number throughout"):
        backbone_of(tmp_path / "zeros.pth")


def test_parameters_without_running_statistics_are_explained(weights: Tensors, tmp_path: Path) -> None:
    learnt = {name: value for name, value in weights.items() if "running" not in name}
    torch.save(learnt, tmp_path / "p.pth")
    with pytest.raises(ConfigError, match=r"running means .* Save model\.state_dict"):
        backbone_of(tmp_path / "p.pth")


def test_an_address_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is an address: download it"):
        backbone_of(Path("https://example.org/a.pth"))


def test_a_refused_file_leaves_the_backbone_as_it_was(tmp_path: Path) -> None:
    module = timm.create_model(NAME, num_classes=0)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.save({n: v for n, v in before.items() if "blocks.3" not in n}, tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="so none is loaded"):
        load_file_into(module, tmp_path / "weights.pth", NAME)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_hub_that_lacks_tensors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: nn.Module, pretrained_cfg: Any = None, filter_fn: Any = None, **_: Any) -> None:
        filter_fn({"conv_stem.weight": model.state_dict()["conv_stem.weight"]}, model)

    monkeypatch.setattr("timm.models._builder.load_pretrained", load)
    with pytest.raises(ConfigError, match=r"not whole: 1 of \d+ tensors, without bn1\.weight"):
        create_timm_model(NAME, True)


def test_the_hubs_weights_are_counted_with_their_licence(
    weights: Tensors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: dict(weights))
    with caplog.at_level(logging.INFO, logger="podium"):
        module = create_timm_model(f"{NAME}.lamb_in1k", True)
    assert_loaded(dict(module.state_dict()), weights)
    count = sum(v.is_floating_point() and not n.startswith("classifier") for n, v in weights.items())
    line = f"{count} of {count} tensors from the hub's weights for {NAME}.lamb_in1k (licence: apache-2.0)"
    assert caplog.messages == [line]


HEADS = {"mask": 3, "age": 3}
SEVERAL = {
    "FusedBackbones": {"backbones": f"{NAME}, resnet10t"},
    "SeparateBackbones": {"backbones": f"mask: {NAME}, age: resnet10t"},
}


def several(name: str, **options: object) -> nn.Module:
    return MODELS.build(
        Component.of(name, **SEVERAL[name] | options), heads=HEADS, image_size=SIZE, fresh=True
    )


@pytest.mark.parametrize("name", SEVERAL)
def test_several_backbones_take_a_path_each(name: str, weights: Tensors, tmp_path: Path) -> None:
    other = state_of("resnet10t")
    torch.save(after("model.", weights), tmp_path / "a.pth")
    torch.save(other, tmp_path / "b.pth")
    both = several(name, pretrained=f"{tmp_path / 'a.pth'}, {tmp_path / 'b.pth'}").backbone.branches
    assert_loaded(dict(both[0][1].state_dict()), weights)
    assert_loaded(dict(both[1][1].state_dict()), other)
    second = several(name, pretrained=f"no, {tmp_path / 'b.pth'}").backbone.branches
    assert_loaded(dict(second[1][1].state_dict()), other)
    assert not torch.equal(second[0][1].state_dict()["conv_stem.weight"], weights["conv_stem.weight"])


@pytest.mark.parametrize("name", SEVERAL)
def test_several_backbones_take_one_file_that_has_them_all(
    name: str, weights: Tensors, tmp_path: Path
) -> None:
    whole = several(name)
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    torch.manual_seed(9)
    assert_loaded(
        dict(several(name, pretrained=tmp_path / "whole.pth").backbone.state_dict()),
        dict(whole.backbone.state_dict()),
    )
    torch.save(weights, tmp_path / "one.pth")
    with pytest.raises(ConfigError, match=r"write a path for each: pretrained = PATH1, PATH2"):
        several(name, pretrained=tmp_path / "one.pth")
    with pytest.raises(ConfigError, match="these are 3 for 2 backbones"):
        several(name, pretrained="yes, no, no")


@pytest.mark.parametrize("name", ["TinyNet", "SmallResNet"])
def test_podiums_own_nets_take_a_file_of_theirs(name: str, tmp_path: Path) -> None:
    def own(**options: object) -> nn.Module:
        return MODELS.build(Component.of(name, **options), heads=HEADS, image_size=SIZE, fresh=True)

    first = own()
    torch.save(first.state_dict(), tmp_path / "net.pth")
    found = own(pretrained=tmp_path / "net.pth")
    assert_loaded(dict(found.backbone.state_dict()), dict(first.backbone.state_dict()))
    with pytest.raises(ConfigError, match=f"the hub has no weights of {name}"):
        own(pretrained="yes")
