"""The two people of the demo: their photographs, cut out, and what moves in their faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.errors import SourceError
from emotion_perception.sources.demo.expressions import Expression, Rig, with_expression
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import BgrImage, Box

Uint8Array = npt.NDArray[np.uint8]

_FEATHER: Final = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A portrait. All places are pixels of it.

    Attributes:
        file: Image beside this module.
        face: Where the face is.
        outline: Of the person, traced by GrabCut and mended by hand.
        rig: What moves in the face.
        expressions: By the emotion that they show.
    """

    file: str
    face: Box
    outline: tuple[tuple[int, int], ...]
    rig: Rig
    expressions: Mapping[str, Expression]

    def photograph(self) -> BgrImage:
        """uint8 [height, width, 3], BGR: the portrait as it is.

        Raises:
            SourceError: The file is missing.
        """
        path = Path(__file__).with_name(self.file)
        try:
            return read_image_file(path)
        except SourceError as error:
            raise SourceError(
                f'A portrait of the demo is missing ({error}): install again.'
            ) from error

    def cut_out(self, expression: Expression) -> Uint8Array:
        """uint8 [height, width, 4]: blue, green, red times alpha, and alpha, all 0..255."""
        return _cut_out(self, tuple(sorted(expression.items())))


# One that is held is the same in many frames.
@lru_cache(maxsize=8)
def _cut_out(person: Person, expression: tuple[tuple[str, float], ...]) -> Uint8Array:
    photograph, alpha = _photograph_and_alpha(person)
    image = with_expression(photograph, person.rig, dict(expression))
    colors = cv2.multiply(image, cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    return np.asarray(cv2.merge([*cv2.split(colors), alpha]), np.uint8)


@lru_cache(maxsize=2)
def _photograph_and_alpha(person: Person) -> tuple[BgrImage, Uint8Array]:
    image = person.photograph()
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(person.outline, np.int32)], (255,), cv2.LINE_AA)
    return image, np.asarray(cv2.GaussianBlur(mask, (0, 0), _FEATHER), np.uint8)


# fmt: off
COLLINS: Final = Person(
    'collins.png',
    Box(181.0, 58.0, 89.0, 120.0),
    (
        (259, 23), (237, 17), (206, 22), (157, 59), (154, 68), (158, 104), (171, 116), (173, 125),
        (179, 131), (179, 148), (153, 152), (131, 168), (128, 176), (127, 189), (121, 189),
        (121, 201), (113, 204), (90, 228), (66, 247), (45, 283), (40, 306), (27, 342), (26, 374),
        (20, 390), (28, 495), (23, 500), (23, 511), (274, 511), (276, 460), (295, 395), (330, 361),
        (359, 350), (356, 314), (339, 262), (302, 233), (300, 222), (288, 203), (257, 176),
        (257, 167), (267, 152), (272, 135), (293, 111), (299, 92), (295, 58), (287, 44), (275, 32),
    ),
    Rig(
        60.0,
        {
            'outer brow': ((190, 90.5), (262, 95)), 'middle brow': ((199, 88.5), (252, 91.5)),
            'inner brow': ((213, 92.5), (239, 93)), 'upper lid': ((203, 97.5), (247, 100)),
            'lower lid': ((203, 105), (247, 107.5)), 'outer eye': ((193, 100), (259, 104)),
            'inner eye': ((213, 103), (237, 105)), 'mouth corner': ((203, 140), (246, 140.5)),
            'upper lip side': ((213, 140), (234, 140)),
            'upper edge side': ((213, 142.6), (235, 142.6)),
            'lower edge side': ((213, 147.5), (235, 147.5)),
            'lower lip side': ((213, 152), (235, 152.5)), 'fold': ((199, 134), (249, 135)),
            'cheek': ((197, 122), (256, 123)), 'jaw': ((200, 164), (247, 165)),
        },
        {
            'upper lip': (223, 139.5), 'upper edge': (223, 143.6), 'lower edge': (223, 150),
            'lower lip': (223, 154.5), 'chin': (223, 170), 'chin tip': (226, 178),
        },
        (
            (223, 126), (214, 130), (234, 130), (224, 110), (223, 95), (180, 60), (223, 60),
            (268, 60), (180, 80), (223, 76), (268, 85), (176, 105), (272, 108), (180, 135),
            (270, 135), (186, 155), (262, 155), (195, 190), (225, 195), (255, 190), (150, 40),
            (225, 25), (295, 40), (150, 120), (300, 120), (150, 190), (300, 190),
        ),
        (112, 108, 186),
    ),
    {
        'Happy': {},
        'Surprise': {
            'corner': -0.15, 'out': -0.16, 'lower': 0.16, 'jaw': 0.08, 'inner brow': 0.08,
            'outer brow': 0.08, 'lids': 0.03, 'open': 0.95,
        },
        'Sad': {
            'corner': -0.21, 'out': -0.02, 'upper': -0.02, 'lower': -0.01, 'inner brow': 0.1,
            'outer brow': -0.07, 'frown': 0.045, 'lids': -0.045, 'squint': -0.02, 'closed': 1,
        },
    },
)
HOPPER: Final = Person(
    'hopper.jpg',
    Box(170.0, 123.0, 184.0, 216.0),
    (
        (245, 23), (229, 27), (207, 40), (181, 64), (176, 73), (174, 84), (153, 99), (149, 120),
        (150, 150), (153, 185), (155, 205), (160, 235), (166, 262), (173, 281), (190, 297),
        (204, 311), (196, 322), (183, 333), (165, 344), (129, 355), (121, 360), (96, 363),
        (80, 368), (61, 380), (53, 381), (47, 387), (36, 413), (27, 459), (17, 526), (13, 576),
        (16, 599), (511, 599), (511, 437), (507, 436), (492, 393), (464, 377), (422, 366),
        (365, 342), (338, 322), (333, 311), (349, 303), (359, 286), (361, 262), (369, 225),
        (372, 200), (373, 185), (369, 160), (371, 134), (369, 110), (368, 95), (363, 87),
        (353, 87), (344, 65), (327, 51), (313, 44), (302, 43), (290, 32), (275, 25),
    ),
    Rig(
        110.0,
        {
            'outer brow': ((195, 168), (330, 162)), 'middle brow': ((217, 163), (305, 158)),
            'inner brow': ((240, 169), (282, 166)), 'upper lid': ((221, 184), (304, 180)),
            'lower lid': ((221, 197), (304, 193)), 'outer eye': ((198, 193), (328, 189)),
            'inner eye': ((246, 194), (282, 190)), 'mouth corner': ((228, 281), (309, 277)),
            'upper lip side': ((248, 272.5), (290, 270.5)),
            'upper edge side': ((248, 277.5), (290, 276)),
            'lower edge side': ((248, 279.5), (290, 278)),
            'lower lip side': ((250, 293), (288, 292)), 'fold': ((218, 268), (314, 264)),
            'cheek': ((205, 245), (325, 240)), 'jaw': ((222, 315), (315, 310)),
        },
        {
            'upper lip': (268, 272), 'upper edge': (268, 278), 'lower edge': (268, 280.5),
            'lower lip': (268, 296), 'chin': (268, 312), 'chin tip': (268, 330),
        },
        (
            (268, 240), (245, 245), (292, 243), (266, 205), (266, 185), (185, 150), (266, 140),
            (345, 150), (266, 160), (180, 178), (199, 176), (217, 176), (234, 178), (250, 183),
            (280, 179), (295, 174), (310, 171), (330, 171), (350, 173), (355, 175), (180, 210),
            (350, 205), (212, 232), (308, 228), (268, 226), (190, 240), (345, 235), (195, 280),
            (338, 275), (205, 305), (330, 300), (225, 345), (268, 352), (315, 345), (150, 110),
            (268, 100), (380, 110), (140, 220), (390, 220), (150, 350), (390, 350),
        ),
        (90, 90, 190),
    ),
    {
        'Neutral': {},
        'Happy': {'corner': 0.15, 'out': 0.1, 'upper': -0.014, 'cheek': 0.05},
        'Surprise': {
            'corner': -0.067, 'out': -0.14, 'upper': 0.015, 'lower': 0.215, 'inner brow': 0.03,
            'outer brow': -0.02, 'lids': 0.02, 'open': 1,
        },
    },
)
# fmt: on
