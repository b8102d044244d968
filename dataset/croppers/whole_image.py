"""No crop."""

from dataset.croppers.base import CROPPERS, Box, Cropper, Pixels


@CROPPERS.register
class WholeImage(Cropper):
    """All of each image."""

    looks = False

    def __call__(self, image: Pixels) -> Box:
        return self.fallback(image)
