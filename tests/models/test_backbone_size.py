"""Transformers at image sizes other than those that their weights were made for."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from models.backbone import create_backbone
from models.backbone_size import check_size
from utils.errors import ConfigError

SLOW = (pytest.mark.slow, pytest.mark.nets)
SIZES = [(128, 96), (100, 76), *(pytest.param(size, marks=SLOW) for size in [(256, 192), (224, 224)])]
SWIN, SWIN_CR, VIT = "swin_tiny_patch4_window7_224", "swinv2_cr_tiny_ns_224", "vit_tiny_patch16_224"


def small_backbone(name: str, size: tuple[int, int], **options: object) -> torch.nn.Module:
    """The architecture as it is, only with fewer blocks: the sizes of its stages stay the same."""
    depth = {VIT: 2}.get(name, (1, 2, 1, 1))
    key = {VIT: "depth"}.get(name, "depths")
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=0, img_size=size, **{key: depth}, **options).eval()


@pytest.mark.parametrize("name", [SWIN, SWIN_CR, VIT])
@pytest.mark.parametrize("size", SIZES)
def test_a_size_is_taken_just_when_every_pixel_of_it_counts(name: str, size: tuple[int, int]) -> None:
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = small_backbone(name, size)(image)
    assert features.isfinite().all()
    (features**2).sum().backward()
    assert image.grad is not None
    all_count = bool(image.grad.abs().sum(dim=1).gt(0).all())
    if all_count:
        check_size(name, size, (224, 224))
    else:
        with pytest.raises(ConfigError, match="multiples of 16, 16"):
            check_size(name, size, (224, 224))
    assert all_count == (name != VIT or size != (100, 76))


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        (VIT, (100, 96), r"\[images\] size = 100, 96.*multiples of 16, 16.* takes: 96, 96 or"),
        ("vit_tiny_patch16_224", (8, 8), "takes: 32, 32 or"),
        (SWIN, (130, 96), "multiples of 4, 4.* takes: 128, 96 or 128, 128"),
        (SWIN_CR, (128, 98), "multiples of 4, 4.* takes: 128, 96"),
        ("mixer_s16_224", (100, 100), "multiples of 16, 16"),  # has no attribute patch_embed
        pytest.param("convit_tiny", (128, 96), "takes: 128, 128 or", marks=SLOW),  # square ones only
        pytest.param("nest_tiny", (128, 96), "only handles square inputs.* takes: 128, 128", marks=SLOW),
        pytest.param("efficientformer_l1", (256, 192), "takes: 224, 224$", marks=SLOW),  # its own size only
        pytest.param(
            "vit_small_patch14_dinov2", (256, 192), "multiples of 14, 14.* takes: 252, 182", marks=SLOW
        ),
    ],
)
def test_a_size_that_does_not_work_is_refused_with_sizes_that_do(
    name: str, size: tuple[int, int], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        create_backbone(name, size)


def test_trying_a_size_draws_no_random_number() -> None:
    before = torch.get_rng_state()
    check_size(VIT, (48, 32), (224, 224))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.nets
@pytest.mark.filterwarnings("ignore:torch.searchsorted", "ignore:Using a non-tuple")  # in timm's resizing
@pytest.mark.parametrize("name", [SWIN, SWIN_CR, VIT])
def test_weights_made_for_another_size_are_fitted_to_this_one(name: str, tmp_path: Path) -> None:
    made = timm.create_model(name, num_classes=1000)
    path = tmp_path / "weights.safetensors"
    save_file(made.state_dict(), path)
    loaded = create_backbone(name, (128, 96), path).module
    own, theirs = loaded.state_dict(), made.state_dict()
    same = {key for key, value in own.items() if torch.equal(value, theirs[key])}
    resized = own.keys() - same  # positions: the image's, or those within a window that is smaller here
    assert all("pos_embed" in key or "relative_position_bias_table" in key for key in resized)
    assert resized or name == SWIN_CR  # whose positions come from a small net
    for key in resized:
        if "relative_position_bias_table" in key:  # (offsets, heads): offset 0 is in the middle
            middles = [table[len(table) // 2] for table in (own[key], theirs[key])]
            torch.testing.assert_close(*middles, rtol=1e-4, atol=1e-6)
    assert loaded.eval()(torch.zeros(1, 3, 128, 96)).isfinite().all()
