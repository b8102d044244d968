"""Prepared images as JPEG: at least 40 dB whatever they show, grey stays grey."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.images.jpeg import LEAST, decoded, encoded, recoded

RNG = np.random.default_rng(3)


def decibels(image, other):
    """Return 10 log10(255^2 / mean squared error)."""
    error = np.mean((image.astype(np.float64) - other) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def smooth(height, width):
    return cv2.GaussianBlur(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 3)


def chessboard(height, width):
    board = (np.indices((height, width)).sum(0) % 2 * 255).astype(np.uint8)
    return np.repeat(board[..., None], 3, axis=2)


def red_on_blue(height, width):
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 2], image[::2, ::2, 0] = 255, 255
    return image


IMAGES = {
    "smooth": smooth(64, 48),
    "noise": RNG.integers(0, 256, (64, 48, 3), dtype=np.uint8),
    "black or white noise": np.uint8(255) * RNG.integers(0, 2, (40, 40, 3), dtype=np.uint8),
    "chessboard": chessboard(33, 47),
    "red points on blue": red_on_blue(50, 31),
    "one pixel": np.uint8([[[1, 200, 30]]]),
    "one row": smooth(1, 301),
    "black": np.zeros((16, 16, 3), np.uint8),
}


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_left_has_at_least_40_decibels_and_what_is_said_is_true(name):
    image = IMAGES[name]
    data, ratio = encoded(image)
    left = np.empty_like(image)
    decoded(data, left)
    assert decibels(image, left) >= LEAST == 40.0
    assert ratio == pytest.approx(min(decibels(image, left), 100.0), abs=1e-6)
    assert np.array_equal(left, recoded(image))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(0.1, 8))
def test_no_size_and_no_texture_falls_below(height, width, seed, blur):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), blur)
    assert decibels(image, recoded(image)) >= LEAST


def test_an_image_that_needs_it_gets_a_higher_quality_and_another_one_does_not():
    easy, hard = encoded(IMAGES["smooth"])[0], encoded(IMAGES["noise"])[0]
    assert bytes(easy[:2]) == bytes(hard[:2]) == b"\xff\xd8"
    assert len(hard) > 3 * len(easy)


def test_grey_stays_grey():
    grey = np.repeat(smooth(40, 30)[..., :1], 3, axis=2)
    left = recoded(grey)
    assert (left == left[..., :1]).all()


def test_an_image_that_no_jpeg_can_hold_loses_nothing():
    wide = np.repeat(smooth(1, 301), 300, axis=1)[:, :66_000]
    data, ratio = encoded(wide)
    assert bytes(data[1:4]) == b"PNG"
    assert ratio == 100
    assert np.array_equal(recoded(wide), wide)
