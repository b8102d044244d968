"""Each view pixel by pixel, and the mean over views by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from dataset.batches import EvalBatches, centre_crop
from dataset.tasks.spaces import AnyOf, OneOf
from inference.predict import predict
from inference.views.base import VIEWS, part
from inference.views.mean_of_views import ALL, NONE, EachView, MeanOfViews
from utils.device import Precision
from utils.registry import Component

SIZE, PREPARED = (8, 6), (12, 10)
SPACES = (OneOf("one", ("a", "b", "c")), AnyOf("any", ("d", "e")))
CPU = Precision(torch.device("cpu"), torch.float32)


def built(name: str, prepared: tuple[int, int] = PREPARED, **options: object):
    return VIEWS.build(Component.of(name, **options), size=SIZE, prepared=prepared)


def photos(count: int = 3, size: tuple[int, int] = PREPARED) -> Tensor:
    """Return random bytes in the store's memory layout."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, *size, 3), generator=generator, dtype=torch.uint8).permute(
        0, 3, 1, 2
    )


class Linear(nn.Module):
    """Logits that depend on every pixel's place."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weights = {
            space.name: torch.randn(3 * SIZE[0] * SIZE[1], len(space.labels), generator=generator)
            for space in SPACES
        }
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.shapes.append(tuple(images.shape))
        pixels = images if images.is_floating_point() else images.float() / 255
        return {name: pixels.flatten(1) @ weights for name, weights in self.weights.items()}


def mean_of(names: list[str], average: str = "probabilities") -> MeanOfViews:
    views = {name: built(name) for name in names}
    return MeanOfViews(Linear(), views, spaces=SPACES, size=SIZE, average=average)


def test_every_view_gives_whole_batches_of_the_size_that_the_model_sees():
    for name in VIEWS.names():
        for shown in built(name).images(photos()):
            assert shown.shape == (3, 3, *SIZE)
            assert shown.dtype == torch.uint8 or 0 <= shown.min() <= shown.max() <= 1


def test_flip_is_the_mirrored_middle():
    (shown,) = built("Flip").images(photos())
    assert np.array_equal(shown.numpy(), photos().numpy()[:, :, 2:10, 2:8][..., ::-1])


def test_a_vertical_flip_is_the_middle_upside_down():
    (shown,) = built("VerticalFlip").images(photos())
    assert np.array_equal(shown.numpy(), photos().numpy()[:, :, 2:10, 2:8][:, :, ::-1])


def test_quarter_turns_are_three_of_a_square_image_and_the_half_of_another():
    (half,) = built("QuarterTurns").images(photos())
    assert np.array_equal(half.numpy(), photos().numpy()[:, :, 2:10, 2:8][:, :, ::-1, ::-1])
    square = VIEWS.build(Component.of("QuarterTurns"), size=(8, 8), prepared=(12, 10))
    turned = list(square.images(photos()))
    middle = photos().numpy()[:, :, 2:10, 1:9]
    assert [np.array_equal(turned[k - 1], np.rot90(middle, k, (2, 3))) for k in (1, 2, 3)] == [True] * 3


def test_shift_takes_real_pixels_from_beyond_the_frame():
    shown = [images.numpy() for images in built("Shift", by=0.25).images(photos())]  # 2 pixels each
    whole = photos().numpy()
    for images, (top, left) in zip(shown, ((0, 2), (4, 2), (2, 0), (2, 4)), strict=True):
        assert np.array_equal(images, whole[:, :, top : top + 8, left : left + 6])


def test_shift_mirrors_what_no_image_was_prepared_for():
    images = photos(size=SIZE)
    up, down, left, right = (shown.numpy() for shown in built("Shift", by=0.25).images(images))
    for shown, axis, pad in ((up, 2, (2, 0)), (down, 2, (0, 2)), (left, 3, (2, 0)), (right, 3, (0, 2))):
        widths = [(0, 0)] * 4
        widths[axis] = pad
        padded = np.pad(images.numpy(), widths, mode="symmetric")
        kept = [slice(None)] * 4
        kept[axis] = slice(0, SIZE[axis - 2]) if pad[0] else slice(2, None)
        assert np.array_equal(shown, padded[tuple(kept)])


def test_a_shift_is_at_least_a_pixel():
    up, *_ = built("Shift", by=0.001).images(photos())
    assert np.array_equal(up.numpy(), photos().numpy()[:, :, 1:9, 2:8])


def test_the_crops_are_the_four_corners():
    corners = [images.numpy() for images in built("FiveCrop").images(photos())]
    whole = photos().numpy()
    expected = [
        whole[:, :, rows, columns]
        for rows in (slice(8), slice(4, 12))
        for columns in (slice(6), slice(4, 10))
    ]
    assert all(np.array_equal(*pair) for pair in zip(corners, expected, strict=True))


def test_crops_without_room_are_refused():
    with pytest.raises(ValueError, match=r"room = 0.1 or so in \[images\]"):
        built("FiveCrop", prepared=SIZE)


def test_scale_reads_nearer_and_farther_around_the_same_middle():
    # Brightness that rises along a line is read exactly by bilinear interpolation.
    rows = torch.arange(12.0).view(-1, 1).expand(12, 10)
    images = (rows * 20).to(torch.uint8).expand(1, 3, 12, 10)
    nearer, farther = built("Scale", by=0.25).images(images)
    places = np.arange(8) - 3.5  # of the frame's rows, from the middle
    for shown, zoom in ((nearer, 0.75), (farther, 1.25)):
        expected = (places * zoom + 5.5) * 20 / 255
        np.testing.assert_allclose(shown[0, 0, :, 0], expected, atol=1e-5)


@given(st.integers(-30, 30), st.integers(-30, 30))
def test_a_part_anywhere_is_that_of_the_image_mirrored_again_and_again(top, left):
    images = photos(1)
    shown = part(images, top, left, SIZE).numpy()
    wide = np.pad(images.numpy(), [(0, 0), (0, 0), (48, 48), (48, 48)], mode="symmetric")
    assert np.array_equal(shown, wide[:, :, 48 + top : 56 + top, 48 + left : 54 + left])


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_the_mean_is_over_the_image_and_all_that_its_views_show(average):
    names = ["Shift", "Flip", "Scale"]
    found = mean_of(names, average)(photos())
    model = Linear()
    shown = [centre_crop(photos(), SIZE), *(i for name in names for i in built(name).images(photos()))]
    assert len(shown) == 1 + 4 + 1 + 2
    answers = [model(images) for images in shown]
    for space in SPACES:
        if average == "logits":
            expected = np.mean([answer[space.name].numpy() for answer in answers], axis=0)
            np.testing.assert_allclose(found[space.name], expected, atol=1e-5)
        else:
            expected = np.mean(
                [space.probabilities(answer[space.name]).numpy() for answer in answers], axis=0
            )
            np.testing.assert_allclose(space.probabilities(found[space.name]), expected, atol=1e-6)


def test_the_order_of_views_changes_no_bit():
    one, other = mean_of(["Scale", "Shift", "Flip"])(photos()), mean_of(["Flip", "Shift", "Scale"])(photos())
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_mirrored_image_gets_the_same_answer_with_flip():
    mirrored = photos().flip(3)
    one, other = mean_of(["Flip"])(photos()), mean_of(["Flip"])(mirrored)
    for space in SPACES:
        torch.testing.assert_close(one[space.name], other[space.name])


def test_each_mean_is_what_a_model_with_these_views_says_and_no_image_is_asked_twice():
    together = mean_of(["Flip", "Scale"])
    each = EachView(together)
    found = each(photos())
    assert len(together.model.shapes) == 1 + 1 + 2
    assert each.images == {NONE: 1, "Flip": 2, "Scale": 3, ALL: 4}
    plain = Linear()(centre_crop(photos(), SIZE))
    for space in SPACES:
        assert torch.equal(found[f"{NONE}/{space.name}"], plain[space.name])
        for mean, names in (("Flip", ["Flip"]), ("Scale", ["Scale"]), (ALL, ["Flip", "Scale"])):
            assert torch.equal(found[f"{mean}/{space.name}"], mean_of(names)(photos())[space.name])


class Photos:
    """The same images as a source."""

    def __init__(self) -> None:
        self.bad: dict[int, str] = {}
        self.missed: list[int] = []

    def __len__(self) -> int:
        return 5

    def batch(self, rows):
        return photos(5)[torch.from_numpy(rows)]


def test_without_a_view_the_model_itself_gives_the_same_bits_from_cropped_and_from_whole_images():
    plain, whole = (
        predict(model, EvalBatches(Photos(), np.arange(5), batch_size=2, size=size), CPU, what="Test")
        for model, size in ((Linear(), SIZE), (mean_of([]), None))
    )
    assert all(torch.equal(plain.logits[space.name], whole.logits[space.name]) for space in SPACES)


def test_predictions_come_apart_by_mean():
    each = EachView(mean_of(["Flip"]))
    found = predict(each, EvalBatches(Photos(), np.arange(5), batch_size=2, size=None), CPU, what="Test")
    apart = each.apart(found)
    assert list(apart) == [NONE, "Flip"]
    assert apart["Flip"].rows.tolist() == [0, 1, 2, 3, 4]
    for space in SPACES:
        assert torch.equal(apart["Flip"].logits[space.name], found.logits[f"Flip/{space.name}"])


def test_each_view_of_an_image_goes_with_what_a_table_says_of_it():
    seen: list[Tensor] = []

    def says(images: Tensor, table: Tensor) -> dict[str, Tensor]:
        seen.append(table)
        return {"one": table[:, :3], "any": table[:, :2]}

    views = {name: built(name) for name in ("Flip", "Shift")}
    model = MeanOfViews(says, views, spaces=SPACES, size=SIZE, average="logits")
    table = torch.randn(3, 4)
    assert model(photos(), table)["one"].numpy() == pytest.approx(table[:, :3].numpy(), abs=1e-6)
    assert all(values is table for values in seen)
    each = EachView(model)(photos(), table)
    assert {name.partition("/")[0] for name in each} == {NONE, ALL, "Flip", "Shift"}
