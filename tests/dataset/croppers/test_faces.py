"""Which face is the main one, by detectors that stand in for OpenCV's, and by its own where it has them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.croppers import faces
from dataset.croppers.base import CROPPERS
from dataset.croppers.faces import Face, HaarFinder, face_finder
from utils.errors import ConfigError
from utils.registry import Component

HAS_CASCADES = hasattr(cv2, "CascadeClassifier") and any(faces.cascades().glob("*frontalface_default.xml"))


class FakeCascade:
    """Stands in for cv2.CascadeClassifier; notes who uses it and what it is shown."""

    found = ()  # left, top, width, height in the reduced image
    made: list["FakeCascade"]

    def __init__(self, path):
        self.users, self.shown = set(), []
        type(self).made.append(self)

    def detectMultiScale(self, image, scale, neighbours, *, minSize):  # noqa: N802, N803 - OpenCV's names
        self.users.add(threading.get_ident())
        self.shown.append(image)
        return np.array(self.found, dtype=np.int32) if self.found else ()


@pytest.fixture
def finder(monkeypatch, tmp_path):
    """Return a maker of a finder whose cascade finds these boxes."""
    (tmp_path / "haarcascade_frontalface_default.xml").write_text("a cascade")
    monkeypatch.setattr(faces, "cascades", lambda: tmp_path)
    monkeypatch.setattr(cv2, "CascadeClassifier", FakeCascade, raising=False)
    FakeCascade.made = []

    def finder(*found):
        FakeCascade.found = found
        return face_finder("haar")

    yield finder
    FakeCascade.found = ()


PHOTO = np.zeros((512, 384, 3), dtype=np.uint8)  # searched at half its size, 256 x 192


def test_the_face_comes_back_in_pixels_of_the_image(finder):
    assert finder((50, 40, 70, 80))(PHOTO) == Face(top=80, left=100, height=160, width=140)
    small = np.zeros((200, 150, 3), dtype=np.uint8)  # is not enlarged
    assert finder((50, 40, 70, 80))(small) == Face(top=40, left=50, height=80, width=70)
    assert {cascade.shown[-1].shape for cascade in FakeCascade.made} == {(256, 192), (200, 150)}


def test_no_face_is_none(finder):
    assert finder()(PHOTO) is None


def test_of_several_faces_it_is_the_largest_then_the_most_central_in_any_order(finder):
    small, left, middle, right = (66, 98, 60, 60), (0, 88, 80, 80), (50, 88, 80, 80), (112, 88, 80, 80)
    expected = Face(176, 100, 160, 160)
    for found in ((small, left, middle, right), (right, middle, left, small), (middle, small)):
        assert finder(*found)(PHOTO) == expected
    mirrored = ((10, 88, 80, 80), (102, 88, 80, 80))  # as far from the middle on either side
    assert finder(*mirrored)(PHOTO) == finder(*mirrored[::-1])(PHOTO) == Face(176, 20, 160, 160)


def test_a_face_in_the_background_is_none(finder):
    assert finder((60, 60, 50, 50))(PHOTO) is None  # a quarter of the shorter side


def test_each_thread_has_a_detector_of_its_own(finder):
    find, together = finder((50, 40, 70, 80)), threading.Barrier(3)

    def work(_):
        together.wait(timeout=60)
        return [find(PHOTO) for _ in range(5)]

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(work, range(3)))
    assert {face for of_thread in found for face in of_thread} == {Face(80, 100, 160, 140)}
    assert len(FakeCascade.made) == 4  # with that of the thread that made the finder
    assert all(len(cascade.users) == 1 for cascade in FakeCascade.made)


class FakeYuNet:
    """Stands in for cv2.FaceDetectorYN: one face in the middle third, wherever red is found."""

    def setInputSize(self, size):  # noqa: N802 - OpenCV's name
        self.size = size

    def detect(self, image):
        assert image.shape[:2] == self.size[::-1]
        if not image[:, :, 2].any():  # red is OpenCV's last channel
            return 0, None
        width, height = self.size
        return 1, np.float32([[width / 3, height / 4, width / 3, height / 2, *range(11)]])


def test_a_yunet_file_is_used_in_opencvs_order_of_colours(monkeypatch, tmp_path):
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"a model")
    asked = []
    monkeypatch.setattr(
        cv2.FaceDetectorYN, "create", lambda *arguments: asked.append(arguments) or FakeYuNet()
    )
    find = face_finder(path)
    assert asked[0][0] == str(path)
    assert find(PHOTO + np.uint8([0, 0, 9])) is None
    assert find(PHOTO + np.uint8([9, 0, 0])) == pytest.approx(Face(128, 128, 256, 128), abs=1)


def yunet(path, score):
    """Write a model in YuNet's form that gives every place a face of 100 x 100 pixels with this score."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    helper, nodes, weights, outputs = onnx.helper, [], [], []
    for stride in (8, 16, 32):
        size = np.log(100 / stride)
        for kind, values in (
            ("cls", [score]),
            ("obj", [score]),
            ("bbox", [0, 0, size, size]),
            ("kps", [0] * 10),
        ):
            name, count = f"{kind}_{stride}", len(values)
            kernel = np.zeros((count, 3, stride, stride), np.float32)
            for suffix, array in (
                ("w", kernel),
                ("b", np.float32(values)),
                ("s", np.int64([1, -1, count])),
            ):
                weights.append(onnx.numpy_helper.from_array(array, name + suffix))
            shape = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
            nodes += [
                helper.make_node("Conv", ["input", name + "w", name + "b"], [name + "c"], **shape),
                helper.make_node("Transpose", [name + "c"], [name + "t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [name + "t", name + "s"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, None, count]))
    entry = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [entry], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
    model.ir_version = 7
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(("score", "found"), [(0.3, True), (0.45, True), (0.55, False), (0.9, False)])
def test_opencvs_own_yunet_finds_what_has_the_score_that_was_asked_for(tmp_path, score, found):
    find = face_finder(yunet(tmp_path / "yunet.onnx", 0.5), score)
    assert (find(PHOTO) is not None) == found


def test_a_face_crop_asks_yunet_for_a_score_of_three_tenths_or_what_its_option_says(tmp_path):
    path = yunet(tmp_path / "yunet.onnx", 0.35)

    def build(**options):
        return CROPPERS.build(Component.of("FaceCrop", detector=path, **options), image_size=(8, 6))

    assert build()(PHOTO) is not None
    assert build(score=0.4)(PHOTO) is None
    assert build().facts() != build(score=0.4).facts()  # another cache


@pytest.mark.parametrize("score", ["1.5", "-0.1", "high"])
def test_a_score_that_no_face_has_is_refused(tmp_path, score):
    assert "score" in refusal(detector=tmp_path, score=score)


def refusal(**options):
    with pytest.raises(ConfigError) as caught:
        CROPPERS.build(Component.of("FaceCrop", **options), image_size=(8, 6))
    return str(caught.value)


def test_without_cascades_the_error_says_what_to_install_or_which_file_to_give(monkeypatch, tmp_path):
    monkeypatch.setattr(faces, "cascades", lambda: tmp_path)
    message = refusal(detector="haar")
    assert 'pip install "opencv-python-headless<5"' in message
    assert cv2.__version__ in message
    assert ".onnx" in message


def test_a_detector_that_is_no_file_or_no_model_is_refused_when_it_is_built(tmp_path):
    assert "there is no file" in refusal(detector=tmp_path / "none.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    assert "can't use" in refusal(detector=tmp_path / "broken.onnx")


@pytest.mark.skipif(not HAS_CASCADES, reason="this OpenCV has no cascades any more (OpenCV 4 has)")
def test_opencvs_own_cascade_finds_a_drawn_face_and_its_threads_agree():
    find = face_finder("haar")
    assert isinstance(find, HaarFinder)
    assert find.model == Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    image = drawn_face()
    face = find(image)
    assert face is not None
    assert face.left < 192 < face.left + face.width
    assert face.top < 230 < face.top + face.height
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(find, [image] * 8)) == {face}
    assert find(np.full_like(image, 90)) is None


def drawn_face():
    """Return a photo's size with a face drawn into it, shaded as the cascade expects one."""
    image = np.full((512, 384, 3), 150, dtype=np.uint8)
    cv2.ellipse(image, (192, 230), (105, 140), 0, 0, 360, (205, 185, 170), -1)
    for x in (150, 234):
        cv2.ellipse(image, (x, 195), (26, 13), 0, 0, 360, (120, 95, 85), -1)
        cv2.circle(image, (x, 197), 10, (40, 30, 25), -1)
        cv2.ellipse(image, (x, 170), (30, 6), 0, 0, 360, (70, 50, 40), -1)
    cv2.ellipse(image, (192, 255), (14, 10), 0, 0, 360, (165, 140, 130), -1)
    cv2.ellipse(image, (192, 300), (38, 11), 0, 0, 360, (130, 70, 70), -1)
    return cv2.GaussianBlur(image, (0, 0), 3)
