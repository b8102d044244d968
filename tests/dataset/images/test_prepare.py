"""From a file to pixels: upright, RGB, the right part, the right size; or an error that names the file."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from dataset.croppers.base import Cropper
from dataset.croppers.centre_crop import CentreCrop
from dataset.images.decode import UnreadableImage, decode
from dataset.images.prepare import Prepare
from utils.errors import ConfigError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (16, 12, 3), dtype=np.uint8)


def written(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright_as_pillow_does(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Blocks of one colour, which JPEG keeps nearly as they are.
    image = Image.fromarray(PIXELS[::4, ::4].repeat(16, axis=0).repeat(16, axis=1))
    path = written(tmp_path / f"a{suffix}", image, exif=exif)
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        expected = np.asarray(upright.convert("RGB")).astype(int)
    found = decode(path)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 4  # two JPEG decoders may differ by a little


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("RGB", PIXELS),
        ("L", PIXELS[:, :, :1].repeat(3, axis=2)),
        ("RGBA", PIXELS),
        ("LA", PIXELS[:, :, :1].repeat(3, axis=2)),
        ("I;16", PIXELS[:, :, :1].repeat(3, axis=2)),
    ],
)
def test_grey_alpha_and_16_bit_files_become_rgb_in_the_right_order(tmp_path, mode, expected):
    # defect 12 of a published pipeline: no conversion to RGB; trap: OpenCV gives BGR
    alpha = np.full((16, 12, 1), 200, dtype=np.uint8)
    pixels = {
        "RGB": PIXELS,
        "L": PIXELS[:, :, 0],
        "RGBA": np.concatenate([PIXELS, alpha], axis=2),
        "LA": np.concatenate([PIXELS[:, :, :1], alpha], axis=2),
        "I;16": PIXELS[:, :, 0].astype(np.uint16) * 257,
    }[mode]
    found = decode(written(tmp_path / "a.png", Image.fromarray(pixels)))
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_palette_files_become_rgb(tmp_path):
    image = Image.fromarray(PIXELS // 64 * 64).quantize(32)
    path = written(tmp_path / "a.png", image)
    assert np.array_equal(decode(path), np.asarray(image.convert("RGB")))


def test_red_is_the_first_channel_of_a_jpeg(tmp_path):
    path = written(tmp_path / "a.jpg", Image.new("RGB", (16, 16), (250, 10, 90)), quality=95)
    assert np.abs(decode(path).astype(int) - (250, 10, 90)).max() <= 3


def test_a_grey_jpeg_becomes_rgb(tmp_path):
    path = written(tmp_path / "a.jpeg", Image.new("L", (16, 16), 90))
    assert decode(path).shape == (16, 16, 3)


def png_of_size(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def coded(kind):
    out = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 48, 3), dtype=np.uint8)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"this is text", "not an image"),
        (coded("JPEG")[:2000], "cut off"),
        (coded("PNG")[:2000], "cut off"),
        (coded("JPEG")[:15], "cut off"),
        (png_of_size(100_000, 100_000), "100000 x 100000 pixels, which is too large"),
    ],
    ids=["empty", "text", "half a jpeg", "half a png", "a jpeg's first bytes", "an absurd header"],
)
def test_a_file_that_is_no_whole_image_is_named(tmp_path, content, why):
    path = tmp_path / "사진.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=f"사진.jpg: .*{why}"):
        Prepare((8, 8))(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UnreadableImage, match=r"none\.jpg: No such file"):
        decode(tmp_path / "none.jpg")
    with pytest.raises(UnreadableImage, match="directory"):
        decode(tmp_path)


def test_shrinking_is_the_mean_over_blocks():
    image = RNG.integers(0, 256, (24, 12, 3), dtype=np.uint8)
    expected = image.reshape(6, 4, 4, 3, 3).mean(axis=(1, 3))
    found = Prepare((6, 4)).resized(image)
    assert found.shape == (6, 4, 3)
    assert np.abs(found - expected).max() <= 0.51


def test_a_checkerboard_shrinks_to_grey_and_does_not_alias():
    board = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    assert np.abs(Prepare((8, 8)).resized(board).astype(int) - 127).max() <= 1


@pytest.mark.parametrize("size", [(40, 30), (8, 30), (32, 24)])
def test_the_result_has_height_then_width_also_when_enlarged(size):
    # trap: (H, W) in torchvision, (W, H) in OpenCV and PIL
    assert Prepare(size).resized(RNG.integers(0, 256, (32, 24, 3), dtype=np.uint8)).shape == (*size, 3)


def test_size_and_crop_are_height_then_width_of_the_file(tmp_path):
    pixels = np.zeros((20, 10, 3), dtype=np.uint8)
    pixels[4:16, 2:8] = 255
    path = written(tmp_path / "a.png", Image.fromarray(pixels))
    found = Prepare((6, 3), CentreCrop(size=(12, 6)))(path)
    assert found.shape == (6, 3, 3)
    assert (found == 255).all()


class Corner(Cropper):
    """Keeps the lower right quarter; with ``found`` false it finds nothing."""

    def __init__(self, *, found=True, beyond=0):
        self.found, self.beyond = found, beyond

    def __call__(self, image):
        height, width = image.shape[0] // 2, image.shape[1] // 2
        return (height, width, height, width + self.beyond) if self.found else None


def test_any_cropper_says_what_is_kept_and_finding_nothing_falls_back_to_all(tmp_path):
    path = written(tmp_path / "a.png", Image.fromarray(PIXELS))
    part, found, _ = Prepare((8, 6), Corner()).with_finding(path)
    assert found
    assert np.array_equal(part, PIXELS[8:, 6:])
    whole, found, _ = Prepare((16, 12), Corner(found=False)).with_finding(path)
    assert not found
    assert np.array_equal(whole, PIXELS)


def test_a_box_beyond_the_image_is_an_error_that_names_the_cropper(tmp_path):
    path = written(tmp_path / "a.png", Image.fromarray(PIXELS))
    with pytest.raises(ConfigError, match=r"\[crop\] Corner: .*width=7\) is not inside .* 16 x 12"):
        Prepare((8, 6), Corner(beyond=1))(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_grey_has_three_equal_channels_and_the_brightness_of_the_colours(tmp_path, mode):
    path = written(tmp_path / "a.png", Image.fromarray(PIXELS).convert(mode))
    found, coloured = Prepare((16, 12), grey=True)(path), Prepare((16, 12))(path)
    assert found.shape == coloured.shape
    assert found.dtype == np.uint8
    expected = coloured @ [0.299, 0.587, 0.114]  # of ITU-R BT.601
    assert np.abs(found - expected[:, :, None]).max() <= 1


def test_every_setting_is_among_the_facts_that_key_a_cache():
    settings = [
        Prepare((8, 6)),
        Prepare((6, 8)),
        Prepare((8, 6), grey=True),
        Prepare((8, 6), CentreCrop(size=(5, 5))),
        Prepare((8, 6), CentreCrop(size=(5, 5), centre=(0.4, 0.5))),
        Prepare((8, 6), Corner()),
        Prepare((8, 6), Corner(found=False)),
    ]
    assert len({json.dumps(prepare.facts()) for prepare in settings}) == len(settings)


def test_an_option_left_out_and_the_same_value_written_are_one_cache():
    left_out, written_out = CentreCrop(size=(5, 5)), CentreCrop(size=(5, 5), centre=(0.5, 0.5))
    assert Prepare((8, 6), left_out).facts() == Prepare((8, 6), written_out).facts()


def test_an_image_that_shrinks_on_one_axis_and_grows_on_the_other_does_not_alias():
    stripes = np.zeros((40, 8, 3), np.uint8)
    stripes[::2] = 200  # every other row: any sampling of single rows would show it
    resized = Prepare((4, 16)).resized(stripes)
    assert resized.shape == (4, 16, 3)
    assert np.abs(resized.astype(int) - 100).max() <= 1
