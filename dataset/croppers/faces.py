"""Where the face is in an image, by one of OpenCV's detectors."""

import threading
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from dataset.croppers.base import Pixels

_LONGEST = 256  # pixels: images are searched at this size, which finds every face that fills a photo
_SMALLEST = 0.3  # of the shorter side: smaller ones are in the background, or no faces at all
_CASCADE = "haarcascade_frontalface_default.xml"


class Face(NamedTuple):
    """A face in pixels of its image."""

    top: float
    left: float
    height: float
    width: float


class FaceFinder:
    """Finds the main face with a detector that is loaded once for each thread (none can be shared).

    Args:
        model: the detector's file.

    Raises:
        ValueError: the file is missing or OpenCV can't use it.
    """

    def __init__(self, model: Path) -> None:
        self.model = model
        self._of_thread = threading.local()
        if not model.is_file():
            raise ValueError(f"detector: there is no file {model}")
        try:
            self(np.zeros((_LONGEST, _LONGEST, 3), np.uint8))
        except (cv2.error, SystemError):  # OpenCV 4 gives the latter for some damaged files
            raise ValueError(f"detector: OpenCV {cv2.__version__} can't use {model}") from None

    def __call__(self, image: Pixels) -> Face | None:
        """Return the largest face, of equal ones the most central, in an RGB image (H, W, 3)."""
        if not hasattr(self._of_thread, "detector"):
            self._of_thread.detector = self.load()
        height, width = image.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        reduced = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        faces = [
            Face(top / scale, left / scale, rows / scale, columns / scale)
            for left, top, columns, rows in self.detect(self._of_thread.detector, reduced)
            if min(rows, columns) >= _SMALLEST * min(small)
        ]
        return min(faces, key=lambda face: _rank(face, height, width), default=None)

    def load(self) -> Any:
        """Return a new detector."""
        raise NotImplementedError

    def detect(self, detector: Any, image: Pixels) -> list[list[float]]:
        """Return left, top, width and height of each face, in any order."""
        raise NotImplementedError


class HaarFinder(FaceFinder):
    """Viola and Jones (2001) with the cascade of frontal faces that OpenCV 4 brings along."""

    def load(self) -> Any:
        return getattr(cv2, "CascadeClassifier")(str(self.model))  # noqa: B009 - OpenCV 5's types lack it

    def detect(self, detector: Any, image: Pixels) -> list[list[float]]:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        least = max(1, int(_SMALLEST * min(grey.shape)))
        faces = detector.detectMultiScale(grey, 1.1, 3, minSize=(least, least))
        return [list(map(float, face)) for face in faces]


class YuNetFinder(FaceFinder):
    """YuNet (Wu, Peng and Yu, 2023) from a file of OpenCV's model zoo.

    Args:
        score: that a face must have, in [0, 1].
    """

    def __init__(self, model: Path, score: float) -> None:
        self.score = score
        super().__init__(model)

    def load(self) -> Any:
        return cv2.FaceDetectorYN.create(str(self.model), "", (_LONGEST, _LONGEST), self.score)

    def detect(self, detector: Any, image: Pixels) -> list[list[float]]:
        detector.setInputSize((image.shape[1], image.shape[0]))
        _, faces = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return [] if faces is None else [list(map(float, face[:4])) for face in faces]


def face_finder(detector: Literal["haar"] | Path, score: float = 0.3) -> FaceFinder:
    """Return what finds faces: the cascade of this OpenCV, or the YuNet model in a file.

    Args:
        score: that YuNet must give a face, in [0, 1]; the cascade knows none.

    Raises:
        ValueError: there is none; the message says what to install or to write.
    """
    if isinstance(detector, Path):
        return YuNetFinder(detector, score)
    cascade = cascades() / _CASCADE
    if not hasattr(cv2, "CascadeClassifier") or not cascade.is_file():
        raise ValueError(
            f"detector = haar needs OpenCV 4, and this is {cv2.__version__}, which has no cascades any more. "
            'Install it (pip install "opencv-python-headless<5"), or give the path of a YuNet model, '
            "face_detection_yunet_*.onnx of OpenCV's model zoo, as detector = ..."
        )
    return HaarFinder(cascade)


def cascades() -> Path:
    """Return the folder for the cascades of this OpenCV, which may be empty."""
    return Path(cv2.__file__).parent / "data"


def _rank(face: Face, height: int, width: int) -> tuple[float, ...]:
    """Return what sorts faces: large ones first, then central ones; never two alike."""
    down = face.top + (face.height - height) / 2
    right = face.left + (face.width - width) / 2
    return (-face.height * face.width, down**2 + right**2, *face)
