"""Decoding at half the size: the same pictures as of the whole file, within 40 dB, or none at all."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataset.croppers.base import Cropper
from dataset.croppers.centre_crop import CentreCrop
from dataset.images import half_size as half_size_module
from dataset.images.decode import decode
from dataset.images.half_size import is_busy
from dataset.images.header import Damaged, Header, read_header
from dataset.images.prepare import Prepare

HEIGHT, WIDTH = 384, 288
DOWN, ACROSS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


SMOOTH = np.stack([DOWN / 2, ACROSS / 2, 120 - DOWN / 4], axis=2).astype(np.uint8)


def noise(rng):
    colours = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    grain = int(rng.integers(1, 9))
    return np.kron(colours[::grain, ::grain], np.ones((grain, grain, 1), np.uint8))[:HEIGHT, :WIDTH]


def edges(rng):
    image = np.full((HEIGHT, WIDTH, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(int(rng.integers(5, 120))):
        start, end = rng.integers(0, 384, (2, 2)).tolist()
        cv2.line(image, start, end, rng.integers(0, 256, 3).tolist(), int(rng.integers(1, 9)))
    return image


def text(rng):
    image = np.full((HEIGHT, WIDTH, 3), rng.choice([0, 255]), np.uint8)
    for top in range(10, HEIGHT, int(rng.integers(14, 60))):
        scale, colour = rng.uniform(0.3, 1.5), rng.integers(0, 256, 3).tolist()
        cv2.putText(image, "Fox 0123 jumps over", (int(rng.integers(-30, 90)), top), 0, scale, colour, 1)
    return image


def gradients(rng):
    slopes = rng.uniform(-255, 255, (2, 3))
    return (128 + DOWN[..., None] / HEIGHT * slopes[0] + ACROSS[..., None] / WIDTH * slopes[1]) % 256


def stripes(rng):
    period = np.exp(rng.uniform(np.log(2), np.log(80)))
    angle, shift = rng.uniform(0, np.pi), rng.uniform(0, 6, 3)
    along = (ACROSS * np.cos(angle) + DOWN * np.sin(angle))[..., None] / period * 2 * np.pi
    waves = np.sin(along + shift * rng.choice([0, 1]))
    return 127.5 * (1 + (np.sign(waves) if rng.random() < 0.5 else waves))


def boxes(rng):
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for _ in range(40):
        top, left = rng.integers(0, 370, 2)
        high, wide = rng.integers(3, 90, 2)
        image[top : top + high, left : left + wide] = rng.integers(0, 256, 3)
    return image


def drawn(seed, kind):
    """Return a drawn image of one of the hard kinds, of any contrast and brightness."""
    rng = np.random.default_rng(seed)
    contrast, middle = rng.choice([0.1, 0.2, 0.4, 0.7, 1.0]), rng.uniform(60, 200)
    image = kind(rng).astype(np.float32)
    if contrast < 1:
        image = middle + (image - 128) * contrast
    return np.clip(image, 0, 255).astype(np.uint8)


def written(path, image, quality=90, sampling="420", **options):
    subsampling = {"444": 0, "422": 1, "420": 2}[sampling]
    Image.fromarray(image).save(path, "JPEG", quality=quality, subsampling=subsampling, **options)
    return path


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def whole(prepare, path):
    """Return what the prepared image is when all of the file is decoded."""
    return prepare.resized(prepare.cropped(decode(path))[0])


@pytest.fixture
def kept(monkeypatch):
    """Whether each file that was decoded at half its size since the test began was good enough."""
    answers = []

    def noting(image, size):
        answers.append(not is_busy(image, size))
        return not answers[-1]

    monkeypatch.setattr(half_size_module, "is_busy", noting)
    return answers


KINDS = (noise, edges, text, gradients, stripes, boxes)
SIZES = ((96, 72), (64, 64), (48, 36), (32, 24), (24, 18), (70, 52), (91, 70))


@pytest.mark.parametrize("kind", KINDS)
def test_hard_images_are_within_40_db_of_the_whole_files_at_every_ratio(tmp_path, kept, kind):
    for seed in range(20):
        image = drawn(seed, kind)
        for quality, sampling in ((30, "420"), (75, "420"), (90, "444"), (95, "422")):
            path = written(tmp_path / "a.jpg", image, quality, sampling)
            for size in SIZES[seed % 2 :: 2]:
                prepare = Prepare(size)
                assert psnr(prepare(path), whole(prepare, path)) >= 40, (seed, quality, sampling, size)
    assert any(kept)  # it is no empty promise


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((96, 72), [True]),  # a quarter
        ((192, 144), []),  # a half: there would be nothing left to average
        ((97, 72), []),
        ((96, 73), []),
        ((40, 72), [True]),
        ((31, 23), [True]),
    ],
)
def test_a_file_is_halved_where_twice_the_wanted_pixels_are_left(tmp_path, kept, size, expected):
    Prepare(size)(written(tmp_path / "a.jpg", SMOOTH))
    assert kept == expected


def test_a_busy_image_is_decoded_whole(tmp_path, kept):
    path = written(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 256, (384, 288, 3), np.uint8))
    assert np.array_equal(Prepare((48, 36))(path), whole(Prepare((48, 36)), path))
    assert kept == [False]


@pytest.mark.parametrize(("shape", "expected"), [((382, 288), [True]), ((384, 287), []), ((383, 288), [])])
def test_a_file_with_an_odd_side_is_decoded_whole(tmp_path, kept, shape, expected):
    path = written(tmp_path / "a.jpg", SMOOTH[: shape[0], : shape[1]])
    assert psnr(Prepare((32, 24))(path), whole(Prepare((32, 24)), path)) >= 40
    assert kept == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright_also_halved(tmp_path, kept, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = SMOOTH.copy()
    image[:40, :90] = 250  # a corner that tells all eight apart
    path = written(tmp_path / "a.jpg", cv2.GaussianBlur(image, (0, 0), 4), exif=exif)
    prepare = Prepare((36, 36), CentreCrop(size=(240, 160), centre=(0.2, 0.5)))
    assert psnr(prepare(path), whole(prepare, path)) >= 40
    assert kept == [True]


def test_a_box_is_in_pixels_of_the_file_also_when_that_is_halved(tmp_path, kept):
    image = cv2.GaussianBlur(drawn(5, boxes), (0, 0), 3)
    path = written(tmp_path / "a.jpg", image)
    prepare = Prepare((20, 30), CentreCrop(size=(160, 240)))  # from row 112 and column 24 on
    found, cropped = prepare(path), decode(path)[112:272, 24:264]
    assert psnr(found, Prepare((20, 30)).resized(cropped)) >= 40
    assert kept == [True]


def test_a_box_between_pixels_of_the_halved_file_is_cut_from_the_whole(tmp_path, kept):
    path = written(tmp_path / "a.jpg", SMOOTH)
    prepare = Prepare((20, 30), CentreCrop(size=(162, 242)))  # from row 111 on
    assert np.array_equal(prepare(path), whole(prepare, path))
    assert kept == []


class Brightest(Cropper):
    """The brightest 80 x 80 pixels; it must see all of them."""

    def __call__(self, image):
        rows, columns = np.divmod(image.sum(axis=2).argmax(), image.shape[1])
        return min(rows, image.shape[0] - 80), min(columns, image.shape[1] - 80), 80, 80


def test_a_cropper_that_looks_at_pixels_sees_all_of_them(tmp_path, kept):
    path = written(tmp_path / "a.jpg", SMOOTH)
    prepare = Prepare((10, 10), Brightest())
    assert np.array_equal(prepare(path), whole(prepare, path))
    assert kept == []


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_grey_and_progressive_files_are_halved_too(tmp_path, kept, mode, progressive):
    image = np.asarray(Image.fromarray(SMOOTH).convert(mode))
    path = written(tmp_path / "a.jpg", image, progressive=progressive)
    assert psnr(Prepare((48, 36))(path), whole(Prepare((48, 36)), path)) >= 40
    assert kept == [True]
    found, expected = Prepare((48, 36), grey=True)(path), whole(Prepare((48, 36)), path)
    assert np.array_equal(found[..., 0], found[..., 2])
    assert psnr(found[..., 0], expected @ [0.299, 0.587, 0.114]) >= 40


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "CMYK"), ("BMP", "RGB")]
)
def test_other_files_are_decoded_whole(tmp_path, kept, kind, mode):
    Image.fromarray(SMOOTH).convert(mode).save(tmp_path / "a.jpg", kind)
    assert np.array_equal(Prepare((48, 36))(tmp_path / "a.jpg"), whole(Prepare((48, 36)), tmp_path / "a.jpg"))
    assert kept == []


@given(
    st.binary(max_size=300),
    st.integers(0, 700),
    st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]),
)
def test_no_bytes_make_the_header_fail(noise, cut, kind):
    out = io.BytesIO()
    Image.fromarray(SMOOTH[:40, :40]).save(out, kind)
    whole = out.getvalue()
    for data in (noise, whole[:12] + noise, whole[:cut], whole[:cut] + noise):
        try:
            header = read_header(np.frombuffer(data, np.uint8))
        except Damaged:
            continue
        assert header is None or (header.height >= 0 and header.width >= 0)


def test_a_header_says_height_width_and_how_the_file_lies(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, lying = written(tmp_path / "a.jpg", drawn(0, noise)), tmp_path / "b.jpg"
    written(lying, drawn(0, noise), exif=exif)
    upright = read_header(np.fromfile(plain, np.uint8))
    assert upright == Header("JPEG", HEIGHT, WIDTH)
    assert upright.shape == (HEIGHT, WIDTH)
    lies = read_header(np.fromfile(lying, np.uint8))
    assert lies == Header("JPEG", HEIGHT, WIDTH, lies=6)
    assert lies.shape == (WIDTH, HEIGHT)
