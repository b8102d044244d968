"""The ways in which an image can be moved: what augmentations and views do, and what may change a label."""

from typing import Literal

Move = Literal["flip", "shift", "scale", "rotate"]
