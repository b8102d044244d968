"""Which part of an image is kept: inside it, where it should be, and never from a stale cache."""

import importlib.util
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.croppers import face_crop
from dataset.croppers.base import CROPPERS, Cropper
from dataset.croppers.centre_crop import CentreCrop
from dataset.croppers.face_crop import FaceCrop
from dataset.croppers.faces import Face
from utils.registry import Component

OPTIONS = {"CentreCrop": {"size": (12, 9)}}
OWN = """
from dataset.croppers.base import Cropper

PARTS = {divisor}

class Own(Cropper):
    def __call__(self, image):
        return (0, 0, image.shape[0] // PARTS, image.shape[1])
"""


class Finder:
    """Finds the same face in each image, or none; its file is ``model``."""

    def __init__(self, face, model=None):
        self.face, self.model = face, model

    def __call__(self, image):
        return self.face


@pytest.fixture
def face_at(monkeypatch):
    """Return a maker of FaceCrop with a detector that always finds this face."""

    def face_at(face, model=None, **options):
        monkeypatch.setattr(
            face_crop, "face_finder", lambda detector, score: Finder(face and Face(*face), model)
        )
        return FaceCrop(**{"image_size": (40, 30), **options})

    return face_at


def image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", CROPPERS.names())
@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (9, 9), (1, 50)])
def test_every_cropper_gives_the_same_box_inside_the_image_each_time(monkeypatch, name, shape):
    monkeypatch.setattr(face_crop, "face_finder", lambda detector, score: Finder(None))
    cropper = CROPPERS.build(Component.of(name, **OPTIONS.get(name, {})), image_size=(8, 6))
    box, again = (cropper(image(*shape)) or cropper.fallback(image(*shape)) for _ in range(2))
    assert tuple(box) == tuple(again)
    top, left, height, width = box
    assert 0 <= top < top + height <= shape[0]
    assert 0 <= left < left + width <= shape[1]


def test_the_whole_image_is_what_is_kept_without_a_choice():
    assert tuple(CROPPERS.build(Component("WholeImage"))(image(20, 10))) == (0, 0, 20, 10)


@pytest.mark.parametrize(
    ("size", "centre", "top", "left"),
    [
        ((4, 2), (0.5, 0.5), 8, 4),
        ((4, 2), (0.0, 0.0), 0, 0),
        ((4, 2), (1.0, 1.0), 16, 8),
        ((4, 2), (0.25, 0.5), 3, 4),
        ((4, 2), (0.5, 0.25), 8, 2),
        ((5, 3), (0.5, 0.5), 8, 4),  # 7.5 and 3.5: the even number
    ],
)
def test_the_centre_crop_lies_where_its_centre_says_and_stays_inside(size, centre, top, left):
    assert CentreCrop(size=size, centre=centre)(image(20, 10)) == (top, left, *size)


@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_centre_crop_is_never_larger_than_the_image_and_never_leaves_it(shape, size, centre):
    top, left, height, width = CentreCrop(size=size, centre=centre)(image(*shape))
    assert (height, width) == (min(shape[0], size[0]), min(shape[1], size[1]))
    assert 0 <= top <= shape[0] - height
    assert 0 <= left <= shape[1] - width


def test_a_face_gets_its_margin_on_each_side_and_the_shape_of_the_models_input(face_at):
    # 100 x 60 and 0.25 of it on each side are 150 x 90; the model's 40 x 30 asks for 150 x 112.5
    crop = face_at((200, 120, 100, 60), margin=0.25)
    assert crop(image(512, 384)) == (175, 94, 150, 112)
    # a wide face: 60 x 100 becomes 90 x 150, and 200 x 150 of that shape
    assert face_at((200, 120, 60, 100), margin=0.25)(image(512, 384)) == (130, 95, 200, 150)


def test_a_box_at_the_edge_is_moved_inside_and_one_too_large_shrinks_on_both_sides(face_at):
    assert face_at((0, 0, 60, 45), margin=0.5)(image(512, 384)) == (0, 0, 120, 90)
    assert face_at((452, 339, 60, 45), margin=0.5)(image(512, 384)) == (392, 294, 120, 90)
    assert face_at((100, 10, 300, 225), margin=0.5)(image(400, 384)) == (0, 0, 400, 300)
    assert face_at((100, 100, 300, 225), margin=0.5)(image(1000, 150)) == (150, 0, 200, 150)


shapes = st.tuples(st.integers(1, 300), st.integers(1, 300))


@given(shape=shapes, size=shapes, margin=st.floats(0, 3), where=st.tuples(*[st.floats(0, 1)] * 4))
def test_a_face_box_is_inside_the_image_in_the_asked_shape_and_holds_the_faces_middle(
    shape, size, margin, where
):
    rows, columns = shape
    face = Face(where[0] * rows, where[1] * columns, 1 + where[2] * rows, 1 + where[3] * columns)
    cropper = FaceCrop.__new__(FaceCrop, image_size=size)  # without a detector
    cropper.image_size, cropper.margin = size, margin
    top, left, height, width = cropper.around(face, rows, columns)
    assert 0 <= top < top + height <= rows
    assert 0 <= left < left + width <= columns
    aspect = size[0] / size[1]
    assert abs(height - width * aspect) <= 0.5 + 0.5 * aspect or 1 in (height, width)
    for start, length, middle, most in (
        (top, height, face.top + face.height / 2, rows),
        (left, width, face.left + face.width / 2, columns),
    ):
        assert start - 1 <= min(middle, most) <= start + length + 1


def test_where_no_face_is_found_the_centre_is_kept(face_at):
    crop = face_at(None, size=(100, 80), centre=(0.4, 0.5))
    assert crop(image(512, 384)) is None
    assert crop.fallback(image(512, 384)) == CentreCrop(size=(100, 80), centre=(0.4, 0.5))(image(512, 384))
    assert face_at(None).fallback(image(512, 600)) == (0, 108, 512, 384)  # all that has that shape
    assert face_at(None, image_size=(10, 10)).fallback(image(512, 384)) == (64, 0, 384, 384)


def test_changed_code_of_a_cropper_changes_its_facts(tmp_path, monkeypatch):
    def facts(file, divisor):
        path = tmp_path / file
        path.write_text(OWN.format(divisor=divisor), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("own_cropper", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "own_cropper", module)
        spec.loader.exec_module(module)
        return module.Own().facts()

    assert facts("a.py", 2) != facts("b.py", 4)
    assert facts("c.py", 2) == facts("d.py", 2)


def test_a_cropper_without_a_file_still_has_facts():
    class Typed(Cropper):
        pass

    Typed.__module__ = "nowhere"
    assert Typed().facts()["name"] == "Typed"


def test_a_face_crops_facts_hold_its_options_and_what_is_in_the_detectors_file(face_at, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"one")
    facts = [face_at(None, model, margin=margin).facts() for margin in (0.1, 0.2)]
    facts += [face_at(None, model, image_size=(30, 30)).facts()]
    model.write_bytes(b"two")
    facts += [face_at(None, model, margin=0.1).facts()]
    assert all(a != b for i, a in enumerate(facts) for b in facts[:i])
