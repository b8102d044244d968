"""Even light and clear local contrast."""

from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Factor, Fraction, Interval


@AUGMENTATIONS.register
class CLAHE(Augmentation):
    """Equalises the lightness of some images tile by tile (contrast-limited adaptive histogram equalisation).

    Only L of CIELAB changes, so colours stay. It is OpenCV's, which takes 8-bit images one by one on the
    CPU: a GPU has to wait for it in each batch.

    Source: Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.

    Args:
        probability: of an image being equalised.
        clip_limit: how far a grey level may count more than all would in an even picture, as OpenCV's
            clipLimit; larger = more contrast, and more noise.
        tiles: how many tiles an image has in each direction; one of fewer than 256 pixels has no histogram
            that a limit could act on.
    """

    def __init__(
        self,
        *,
        probability: Fraction = 0.5,
        clip_limit: Factor = 2.0,
        tiles: Annotated[int, Interval(1, 64)] = 8,
    ) -> None:
        self.probability, self.clip_limit, self.tiles = probability, clip_limit, tiles

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        chosen = torch.nonzero(chance.uniform(0, 1, len(images)) < self.probability).flatten()
        pixels = (images[chosen] * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        method = cv2.createCLAHE(self.clip_limit, (self.tiles, self.tiles))

        even = np.empty(pixels.shape, np.uint8)
        for image, result in zip(pixels, even, strict=True):
            lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB)
            lab[..., 0] = method.apply(lab[..., 0])
            cv2.cvtColor(lab, cv2.COLOR_LAB2RGB, dst=result)

        rgb = torch.from_numpy(even).to(images.device).permute(0, 3, 1, 2) / 255
        return images.index_copy(0, chosen, rgb)
