"""The ways in which an image can be moved: what augmentations and views do, and what may change a label.

``flip`` exchanges left and right, ``upend`` top and bottom; ``rotate`` is by some degrees, ``turn`` by
quarters.
"""

from typing import Literal

Move = Literal["flip", "shift", "scale", "rotate", "upend", "turn"]

# Who forbids an image to be mirrored or rotated also forbids what mirrors or rotates it more.
UPENDED: frozenset[Move] = frozenset({"upend", "flip", "rotate"})
TURNED: frozenset[Move] = frozenset({"turn", "rotate"})
