"""The face and some room around it."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from dataset.croppers.base import CROPPERS, Box, Cropper, Pixels, window
from dataset.croppers.centre_crop import CentreCrop
from dataset.croppers.faces import Face, face_finder
from utils.convert import Count, Fraction, Interval


@CROPPERS.register
class FaceCrop(Cropper):
    """The largest face of each image, in a box of the shape that the model sees, so nothing is squeezed.

    Where no face is found the centre is kept. Look at the rates of each label in the log before you trust
    it: a detector that misses masked faces more often than bare ones shows the model two kinds of crops, and
    which of them it gets says something about the mask.

    Args:
        margin: room on each side of the face, as a share of the face's height and width.
        size: height and width of what is kept where no face is found, in pixels of the file; none = the
            largest part of the shape that the model sees.
        centre: where the middle of that lies, as fractions of height and width.
        detector: ``haar``, the frontal-face cascade that comes with OpenCV 4, or the path of a YuNet model
            (.onnx). The cascade is made for bare faces and misses many with a mask.
        score: what YuNet must give a face. OpenCV's own 0.9 missed 276 of 300 drawn masks, 0.3 missed 7; what
            is small or not the largest is left out anyway. The cascade gives no scores.
    """

    seeks = "face"
    instead = "their centre was kept"

    def __init__(
        self,
        *,
        image_size: tuple[int, int],
        margin: Annotated[float, Interval(0, 10)] = 0.3,
        size: tuple[Count, Count] | None = None,
        centre: tuple[Fraction, Fraction] = (0.5, 0.5),
        detector: Literal["haar"] | Path = "haar",
        score: Fraction = 0.3,
    ) -> None:
        self.image_size, self.margin, self.size, self.centre = image_size, margin, size, centre
        self._find = face_finder(detector, score)

    def __call__(self, image: Pixels) -> Box | None:
        face = self._find(image)
        return face and self.around(face, image.shape[0], image.shape[1])

    def around(self, face: Face, height: int, width: int) -> Box:
        """Return the box for a face in an image of ``height`` and ``width``."""
        both = 1 + 2 * self.margin
        rows, columns = face.height * both, face.width * both
        aspect = self.image_size[0] / self.image_size[1]
        rows, columns = max(rows, columns * aspect), max(columns, rows / aspect)
        fits = min(1, height / rows, width / columns)  # a box too large shrinks on both sides alike
        rows, columns = max(1, round(rows * fits)), max(1, round(columns * fits))
        top, rows = window(height, rows, (face.top + face.height / 2) / height)
        left, columns = window(width, columns, (face.left + face.width / 2) / width)
        return Box(top, left, rows, columns)

    def fallback(self, image: Pixels) -> Box:
        size = self.size
        if size is None:
            rows, columns = self.image_size
            scale = min(image.shape[0] / rows, image.shape[1] / columns)
            size = (max(1, round(rows * scale)), max(1, round(columns * scale)))
        return CentreCrop(size=size, centre=self.centre)(image)

    def facts(self) -> dict[str, object]:
        model = hashlib.sha256(self._find.model.read_bytes()).hexdigest()
        return super().facts() | {"model": model}
