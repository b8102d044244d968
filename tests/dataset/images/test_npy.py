"""Images that NumPy saved."""

from pathlib import Path

import numpy as np
import pytest

from dataset.images.decode import UnreadableImage, decode
from dataset.images.prepare import Prepare

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


READ = {
    "grey": (GREY, np.stack([GREY] * 3, axis=-1)),
    "one colour": (GREY[..., None], np.stack([GREY] * 3, axis=-1)),
    "colours": (COLOUR, COLOUR),
    "colours first": (np.moveaxis(COLOUR, -1, 0).copy(), COLOUR),
    "columns first": (np.asfortranarray(COLOUR), COLOUR),
    "alpha": (np.concatenate([COLOUR, GREY[..., None]], axis=2), COLOUR),
    "16 bits": (COLOUR.astype(np.uint16) * 256 + 7, COLOUR),
    "16 bits of another machine": ((COLOUR.astype(np.uint16) * 256).astype(">u2"), COLOUR),
    "yes and no": (GREY > 99, np.stack([(GREY > 99) * np.uint8(255)] * 3, axis=-1)),
}


@pytest.mark.parametrize("what", READ)
def test_an_array_is_the_image_that_was_saved(what: str, tmp_path: Path) -> None:
    array, expected = READ[what]
    path = saved(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(decode(path), expected)
    np.testing.assert_array_equal(Prepare((5, 7))(path), expected)


REFUSED = {
    "floats": (GREY / 255, "float64 numbers, which don't say what is black and what white: save it as uint8"),
    "long numbers": (GREY.astype(np.int64), "int64 numbers"),
    "objects": (np.array([[{"a": 1}]], dtype=object), "|O values"),
    "a batch": (np.zeros((2, 5, 7, 3), np.uint8), "2 x 5 x 7 x 3 values"),
    "many channels": (np.zeros((5, 7, 8), np.uint8), "5 x 7 x 8 values, which is not (H, W)"),
    "a line": (np.zeros(9, np.uint8), "9 values"),
    "nothing": (np.zeros((0, 7), np.uint8), "its shape is impossible"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_array_that_is_no_image_is_refused(what: str, tmp_path: Path) -> None:
    array, message = REFUSED[what]
    path = tmp_path / "a.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(UnreadableImage) as refused:
        decode(path)
    assert message in str(refused.value)


def test_a_file_that_is_cut_off_is_refused_wherever(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.npy", GREY).read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / "b.npy").write_bytes(whole[:length])
        with pytest.raises(UnreadableImage):
            decode(tmp_path / "b.npy")
