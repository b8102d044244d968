"""Files of 16-bit values: all of their bits, fewer, or stretched; and what the log says of them."""

from typing import get_type_hints

import cv2
import numpy as np
import pytest
from PIL import Image

from dataset.images.decode import UnreadableImage, decode
from dataset.images.file_report import remark_lines
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from experiment.settings import ImageSettings
from utils.convert import convert

RAMP = np.linspace(100, 4000, 32 * 24).reshape(32, 24)


def written(path, values, *, colour=False):
    values = values.astype(np.uint16)
    cv2.imwrite(str(path), np.repeat(values[..., None], 3, 2) if colour else values)
    return path


@pytest.fixture(params=["grey.png", "colour.png", "grey.tif", "colour.tif"])
def deep(request, tmp_path):
    """A file of 12-bit values in 16."""
    return written(tmp_path / request.param, RAMP, colour=request.param.startswith("colour"))


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (16, np.floor(RAMP) // 256),
        (12, np.floor(RAMP) // 16),
        ("stretch", (np.floor(RAMP) - 100) * 255 / 3900),
    ],
)
def test_values_of_twelve_bits_become_what_depth_says(deep, depth, expected):
    found = decode(deep, depth)
    assert found.shape == (32, 24, 3)
    assert np.abs(found[..., 0] - expected).max() <= 0.51
    assert np.array_equal(found[..., 0], found[..., 2])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colours_of_sixteen_bits_keep_their_order(tmp_path, name):
    blue_green_red = np.stack([RAMP, RAMP * 2, RAMP * 16], axis=2).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), blue_green_red)
    assert np.array_equal(decode(tmp_path / name), (blue_green_red >> 8)[..., ::-1])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_an_alpha_channel_of_sixteen_bits_is_dropped(tmp_path, name):
    values = np.stack([RAMP * 4, RAMP * 8, RAMP * 16, RAMP], axis=2).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), values)
    assert np.array_equal(decode(tmp_path / name), (values[..., 2::-1] >> 8))


def test_a_value_that_needs_more_bits_makes_a_bad_image_not_a_wrong_one(deep):
    with pytest.raises(UnreadableImage, match=r"brightest value, 4000, does not fit \[images\] depth = 10"):
        decode(deep, 10)


def test_an_image_of_one_shade_is_black_when_stretched(tmp_path):
    assert not decode(written(tmp_path / "a.png", np.full((8, 8), 700)), "stretch").any()


def test_eight_bits_are_not_touched_by_depth(tmp_path):
    Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(tmp_path / "a.png")
    assert (decode(tmp_path / "a.png", 12) == 9).all()


@pytest.mark.parametrize("text", ["16", "12", "stretch", "8"])
def test_depth_reads_bits_or_stretch(text):
    assert str(convert(text, get_type_hints(ImageSettings, include_extras=True)["depth"])) == text


@pytest.mark.parametrize("text", ["7", "17", "auto", "12.5", ""])
def test_depth_refuses_what_no_file_of_16_bits_has(text):
    with pytest.raises(ValueError, match="stretch"):
        convert(text, get_type_hints(ImageSettings, include_extras=True)["depth"])


def lines(folder, files, depth=16, budget=1.0):
    prepare = Prepare((8, 6), depth=depth)
    source = open_images(folder, files, prepare, folder / "cache", budget=budget, what="training")
    return remark_lines(source, files, depth, "training")


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_the_log_says_that_few_bits_are_used_and_what_to_write(tmp_path, budget):
    for name, most in (("a.png", 900), ("b.png", 4000), ("c.png", 2000)):
        written(tmp_path / name, RAMP * most / 4000)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "d.png")
    files = ["a.png", "b.png", "c.png", "d.png"]
    for _ in range(2):  # from what was seen, and from what was kept of it
        (line,) = lines(tmp_path, files, budget=budget)
        assert line.startswith(
            "3 of 4 training images have values of 16 bits, but the brightest takes only 12"
        )
        assert "16 of 256 shades" in line
        assert "[images] depth = 12" in line
    assert lines(tmp_path, files, depth=12, budget=budget) == []


def test_the_log_says_nothing_where_one_image_uses_its_bits(tmp_path):
    written(tmp_path / "a.png", RAMP)
    written(tmp_path / "b.png", RAMP * 16)
    assert lines(tmp_path, ["a.png", "b.png"]) == []


def test_the_log_names_how_many_files_have_frames_and_one_of_them(tmp_path):
    for name, more in (("a.gif", 0), ("b.gif", 2), ("c.gif", 1)):
        frames = [Image.fromarray(np.full((8, 8, 3), 40 * n, np.uint8)) for n in range(more + 1)]
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert lines(tmp_path, ["a.gif", "b.gif", "c.gif"]) == [
        "2 of 3 training images (such as b.gif) hold several frames or pages, of which only the first is "
        "taken."
    ]
