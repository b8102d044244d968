"""Cartoon portraits: what a drawn person looks like, and seven photos of them.

Each label shows through several cues that overlap between the classes, as in photos: gender in hair,
brows, lashes, lips, jaw and stubble; age in grey or receding hair, dyes, lines on the forehead and
beside the eyes, and glasses.

Shapes are given in face coordinates: pixels at scale 1, x to the right and y down from the root of the
nose; the head reaches from y = -125 to y = 120. Colours are blue, green, red, 0 to 255.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dataset.demo.shapes import HEIGHT, WIDTH, Paint, Points, hsv, mix, oval, smooth, stretch

PHOTOS = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")

WHITE, SILVER, INK = (250.0, 250.0, 250.0), (216.0, 214.0, 212.0), (38.0, 28.0, 34.0)
SKINS = ((200, 220, 248), (170, 200, 240), (130, 170, 222), (94, 132, 190), (68, 98, 150))
MASKS = ((246, 246, 244), (226, 190, 140), (48, 44, 44), (200, 178, 240), (150, 146, 142),
         (196, 216, 160), (120, 78, 44), (168, 216, 240))  # fmt: skip


@dataclass(frozen=True)
class Person:
    """What the organiser knows about a person; everything drawn of them follows from ``number``."""

    number: int
    gender: str
    age: int


class Look:
    """What stays the same in all photos of a person; plain numbers are 0 to 1 or pixels."""

    def __init__(self, person: Person, rng: np.random.Generator) -> None:
        female, young, old = person.gender == "female", person.age < 30, person.age >= 60
        skin = int(rng.integers(len(SKINS) - 1))
        self.skin = mix(SKINS[skin], SKINS[skin + 1], rng.random())

        self.grey = 0.0 if young else rng.uniform(0.7, 1) if old else rng.uniform(0.05, 0.35)
        if old and rng.random() < 0.12:
            self.grey = 0.35  # dyed

        hue, strong, bright = rng.random(), rng.uniform(0.5, 0.85), rng.uniform(0.5, 0.95)
        if not young or rng.random() < 0.5:  # a natural colour
            hue, strong, bright = (
                0.03 + 0.07 * hue,
                0.9 * strong,
                rng.uniform(0.12, 0.32 if young else 0.5),
            )
        self.hair = mix(hsv(hue, strong, bright), SILVER, self.grey)

        self.long, self.hair_end = rng.random() < (0.93 if female else 0.05), rng.uniform(90, 210)
        self.curl, self.parting = max(0.0, rng.uniform(-0.03, 0.06)), rng.uniform(-0.6, 0.6)
        self.receding = 0.0 if female or young else rng.random()

        self.brow = max(3.0, rng.normal(4.5 if female else 11, 1.3))
        self.lashes = rng.random() < (0.92 if female else 0.04)
        self.lips = rng.uniform(0.3, 1) if female else rng.uniform(0, 0.45)
        self.jaw = float(np.clip(rng.normal(0.2 if female else 0.8, 0.18), 0, 1))
        self.stubble = 0.0 if female or rng.random() < 0.5 else rng.uniform(0.12, 0.6)
        self.lines = 0.0 if young else rng.uniform(0.65, 1) if old else rng.uniform(0.15, 0.5)

        self.glasses, self.collar = rng.random() < (0.5 if old else 0.2), rng.random() < 0.5
        self.clothes = hsv(rng.random(), rng.uniform(0.2, 0.7), rng.uniform(0.35, 0.9))
        self.wall = hsv(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.7, 0.95))
        self.iris = hsv(rng.uniform(0.05, 0.6), rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.6))
        self.masks = [MASKS[kind] for kind in rng.permutation(len(MASKS))]


class Canvas:
    """A photo in the making, which takes shapes in face coordinates."""

    def __init__(self, pixels: NDArray[np.uint8], pose: NDArray[np.float64]) -> None:
        self.pixels = pixels
        self._turn, self._shift = 16 * pose[:, :2].T, 16 * pose[:, 2]

    def draw(self, colour: Paint, points: ArrayLike, width: int = 0) -> None:
        """Draws an open line, ``width`` pixels wide, or fills the closed shape if that is 0."""
        # OpenCV takes whole numbers; with shift = 4 they count sixteenths of a pixel.
        shape = np.rint(np.asarray(points) @ self._turn + self._shift).astype(np.int32)
        if width:
            cv2.polylines(self.pixels, [shape], False, colour, width, cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(self.pixels, [shape], colour, cv2.LINE_AA, 4)

    def pair(self, colour: Paint, points: ArrayLike, width: int = 0) -> None:
        """Draws the line or shape and its mirror image on the other side of the face."""
        self.draw(colour, points, width)
        self.draw(colour, np.asarray(points) * (-1, 1), width)


def draw_photo(look: Look, photo: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Returns photo 0 to 6 (``PHOTOS``), (512, 384, 3), in a new pose and light."""
    turn, zoom = np.radians(rng.normal(0, 3.5)), rng.uniform(1, 1.22)
    across, down = zoom * np.cos(turn), zoom * np.sin(turn)
    x, y = rng.normal((WIDTH / 2, 244), 9)
    pose = np.array([(across, -down, x), (down, across, y)])

    wall = np.array(look.wall) + rng.normal(0, 14, (3, 3, 1)) + rng.normal(0, 6, (3, 3, 3))
    canvas = Canvas(stretch(wall), pose)

    _draw_body(canvas, look)
    head = _draw_head(canvas, look)
    _draw_face(canvas, look, gaze=rng.uniform(-4, 4), smile=rng.uniform(-3, 10))

    if photo < 6:
        top = rng.uniform(0, 12) if photo < 5 else rng.uniform(55, 62)
        top = 100 if photo == 5 and rng.random() < 0.4 else top
        _draw_mask(canvas, look.masks[photo], head[:18], top, pleated=rng.random() < 0.6)

    if look.glasses:
        canvas.pair(INK, oval(37, -4, 28, 23), 4)
        canvas.pair(INK, [(65, -8), (86, -12)], 4)
        canvas.draw(INK, oval(0, -6, 9, 6, 180, 360), 4)

    _draw_hair(canvas, look)

    # A camera's faults: uneven light, blur, noise.
    light = rng.uniform(0.85, 1.1) * rng.uniform(0.85, 1.1, (2, 2, 1)) * rng.normal(1, 0.02, 3)
    lit = cv2.multiply(canvas.pixels, stretch(200 * light), scale=1 / 200)
    noise = rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8) >> 4
    blurred = cv2.GaussianBlur(lit, (3, 3), rng.uniform(0.3, 1))
    return cv2.add(blurred, cv2.merge([noise] * 3)).astype(np.uint8, copy=False)


def _draw_body(canvas: Canvas, look: Look) -> None:
    """Draws the hair behind the shoulders, then shoulders, neck and collar."""
    if look.long:
        back = [(-2, -140), (74, -128), (106, -60), (108, 20), (118, look.hair_end), (-2, 200)]
        canvas.pair(mix(look.hair, INK, 0.3), smooth(back, closed=False))

    broad, neck = 140 + 40 * look.jaw, 34 + 16 * look.jaw
    shade, throat = mix(look.clothes, INK, 0.3), mix(look.skin, INK, 0.12)
    half = [(-2, 150), (neck, 150), (broad - 40, 180), (broad, 220), (broad + 30, 420), (-2, 420)]
    canvas.pair(look.clothes, smooth(half, closed=False))
    canvas.pair(shade, [(broad - 50, 262), (broad - 44, 420)], 3)

    canvas.draw(throat, oval(0, 152, neck + 10, 40, 0, 180))
    canvas.pair(throat, [(-2, 60), (neck, 60), (neck, 130), (neck + 10, 153), (-2, 153)])
    canvas.draw(mix(look.skin, INK, 0.26), oval(0, 106, neck, 34, 0, 180))

    if look.collar:
        flap = [(neck - 2, 140), (neck + 22, 154), (neck + 12, 214), (0, 194)]
        canvas.pair(mix(look.clothes, WHITE, 0.35), flap)
        canvas.pair(shade, flap[1:], 2)
    else:
        canvas.draw(shade, oval(0, 152, neck + 12, 42, 0, 180), 6)


def _draw_head(canvas: Canvas, look: Look) -> Points:
    """Draws ears, head, stubble, nose and the lines of age; returns the outline of the head."""
    turn = np.linspace(0, 2 * np.pi, 73)
    low = np.clip(np.sin(turn), 0, 1)
    # A wide jaw is square below the cheeks; a narrow one runs to a point.
    x = 84 * np.cos(turn) * (1 + (0.3 * look.jaw - 0.14) * low * (1 - low**4) - 0.05 * low)
    head = np.stack([x, np.where(low > 0, 120, 125) * np.sin(turn)], axis=1)

    dark = mix(look.skin, (40, 40, 90), 0.35)
    canvas.pair(mix(look.skin, INK, 0.08), oval(84, 8, 15, 27))
    canvas.pair(dark, oval(87, 8, 7, 16))
    canvas.draw(look.skin, head)

    if look.stubble:
        beard = [*head[3:34], (-58, 58), (-26, 54), (26, 54), (58, 58)]
        tone = mix(look.skin, mix(look.hair, INK, 0.5), look.stubble)
        canvas.draw(tone, smooth(beard))

    canvas.pair(mix(look.skin, (110, 110, 235), 0.18), oval(52, 38, 17, 11))
    canvas.draw(mix(look.skin, INK, 0.1), smooth([(-4, -8), (-18, 42), (0, 50), (8, 44)]))
    canvas.draw(mix(look.skin, WHITE, 0.25), oval(3, 36, 7, 6))
    canvas.pair(dark, smooth([(18, 38), (13, 51), (0, 46)], closed=False), 3)

    crease, width = mix(look.skin, (40, 44, 80), 0.05 + 0.5 * look.lines), 2 + round(look.lines)
    for y in (-50, -62, -74)[: round(3.2 * look.lines)]:
        canvas.pair(crease, smooth([(0, y - 3), (20, y - 3), (46, y + 4)], closed=False), width)
    if look.lines:
        canvas.pair(crease, [(25, 46), (37, 64), (40, 78)], 2)
        canvas.pair(crease, oval(36, 0, 20, 17, 40, 140), 2)
    for rise in (-12, -2, 8) if look.lines > 0.5 else ():
        canvas.pair(crease, [(57, -4 + rise / 3), (73, -4 + rise)], width)

    return head


def _draw_face(canvas: Canvas, look: Look, *, gaze: float, smile: float) -> None:
    """Draws eyes that look ``gaze`` pixels to the right, and a mouth with risen corners."""
    canvas.pair(WHITE, oval(36, -6, 17, 10))

    for colour, size, shift in ((look.iris, 9, 0), (INK, 4.5, 0), (WHITE, 2.2, 3)):
        for x in (-36, 36):
            canvas.draw(colour, oval(x + gaze + shift, -6 - shift, size, size))

    canvas.pair(INK, oval(36, -6, 18, 11, 185, 355), 4 if look.lashes else 2)
    if look.lashes:
        canvas.pair(INK, [(53, -9), (62, -16), (53, -9), (48, -14), (55, -22)], 2)

    under = look.brow - 38
    brow = [(14.0, -30.0), (36, -38), (60, -28), (36, under), (14, under + 6)]
    canvas.pair(mix(look.hair, INK, 0.45 - 0.35 * look.grey), smooth(brow) - (0, smile / 3))

    lips = mix(look.skin, (80, 60, 190), 0.3 + 0.55 * look.lips)
    corner, full = (30, 82 - smile), 6 + 6 * look.lips
    half = [(-2, 85 - full), (9, 83 - full), corner, (14, 85 + full), (-2, 86 + full)]
    canvas.pair(lips, smooth(half, closed=False))
    if smile > 7:
        canvas.pair(WHITE, [(-2, 83), (14, 83), (20, 81), (12, 84 + full / 2), (-2, 85 + full / 2)])
    canvas.pair(mix(lips, INK, 0.5), smooth([(0, 84), (12, 84), corner], closed=False), 2)


def _draw_mask(canvas: Canvas, colour: Paint, cheek: Points, top: float, *, pleated: bool) -> None:
    """Draws a mask from ``top`` to below the chin; ``cheek`` is the head's lower right outline."""
    end = max(126, top + 56)
    y = np.linspace(top + 14, end - 12, 8)
    edge = np.stack([3 + np.interp(np.minimum(y, 104), cheek[:, 1], cheek[:, 0]), y], axis=1)

    dark = mix(colour, INK if sum(colour) > 240 else WHITE, 0.25)
    for start, ear in ((edge[0], (88, -8)), (edge[5], (88, 30))):
        canvas.pair(mix(colour, WHITE, 0.5), [start, ear], 3)

    half = [(-20, top + 4), (-2, top - 4), (16, top + 2), *edge, (24, end + 2), (-2, end + 5)]
    canvas.pair(colour, smooth([*half, (-20, end)]))

    if pleated:
        canvas.pair(dark, [(18, top + 11), (0, top + 5)], 4)
        for x, at in edge[2:7:2]:
            canvas.pair(dark, smooth([(x - 3, at), (22, at + 5), (0, at + 5)], closed=False), 2)
    else:
        canvas.draw(dark, [(0, top), (0, end)], 2)
        for bend in (0.7 * top + 0.3 * end, 0.2 * top + 0.8 * end):
            canvas.pair(dark, [(0, bend), edge[3] - (4, 0)], 2)


def _draw_hair(canvas: Canvas, look: Look) -> None:
    """Draws the hair over the head with its strands, and long locks before the ears."""
    arc = np.radians(np.linspace(-6, 186, 61))
    wide, high = (100, 140) if look.long else (89, 134)
    rise = np.sign(np.sin(arc)) * np.abs(np.sin(arc)) ** 0.85
    rise = rise * (1 + look.curl * np.abs(np.sin(7 * arc)))
    outer = np.stack([wide * np.cos(arc), -8 - high * rise], axis=1)

    x = np.linspace(1, -1, 61)
    top = -86 - 28 * look.receding - 12 * np.exp(-(((x - look.parting) / 0.25) ** 2))
    inner = np.stack([83 * x, top + (20 - 20 * look.receding) * x**2 - (top + 10) * x**8], axis=1)
    canvas.draw(look.hair, [*outer, *inner[::-1]])

    dark, bright = mix(look.hair, INK, 0.2), mix(look.hair, SILVER, 0.1 + 0.6 * look.grey)

    if look.long:
        end = look.hair_end
        lock = [(64, -100), (70, -30), (77, 0.5 * end), (88, end), (100, end + 14), (118, end)]
        canvas.pair(look.hair, smooth([*lock, (112, 20), (102, -60), (80, -110)]))
        for x0, tone in ((82, dark), (92, bright), (101, dark)):
            strand = [(x0 - 6, -40), (x0 - 2, 10), (x0 + 5, end - 10)]
            canvas.pair(tone, smooth(strand, closed=False), 2)

    for k, tone in enumerate((dark, bright, dark, bright, bright)):
        strand = outer + (0.16 + 0.17 * k) * (inner - outer)
        canvas.draw(tone, strand[6 + 2 * k : 29 : 2], 2)
        canvas.draw(tone, strand[33 : 55 - 2 * k : 2], 2)
