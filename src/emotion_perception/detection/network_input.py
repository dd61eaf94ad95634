"""A detector's input: which scale an image is brought to, and how."""

import math
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.types import BgrImage

Uint8Array = npt.NDArray[np.uint8]


def scaled(
    image: Uint8Array, size: tuple[int, int], target: Uint8Array | None = None
) -> Uint8Array:
    """Scales an image to any size.

    It is halved by averages of 2x2 pixels as long as it stays as large as wanted, and brought to
    the exact size bilinearly, which then leaves no pixel out. `cv2.INTER_AREA` in one step gives
    nearly the same, but OpenCV is five to seven times slower at ratios that are not whole.

    Args:
        image: uint8 [height, width] or [height, width, channels], not empty; not modified.
        size: Wanted (width, height), >= 1.
        target: Where to write, of the wanted shape; a new array by default.

    Returns:
        uint8 of the wanted size: `target` if there is one, otherwise `image` itself when it has
        that size already.
    """
    width, height = size
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        half = image.shape[1] // 2, image.shape[0] // 2
        # The last halving may be the result already.
        last: Any = target if half == size else None
        image = np.asarray(cv2.resize(image, half, dst=last, interpolation=cv2.INTER_AREA))
    if image.shape[1::-1] != size:
        return np.asarray(
            cv2.resize(image, size, dst=target, interpolation=cv2.INTER_LINEAR), np.uint8
        )
    if target is not None and image is not target:
        np.copyto(target, image)
    return image if target is None else target


Float32Array = npt.NDArray[np.float32]

SIZE_MULTIPLE: Final = 32
"""Sides of the network's input are multiples of this."""


class NetworkInput:
    """Scales, pads and converts one image at a time.

    The scaled image is written three times, each time needed: by the scaling, by taking the
    channels apart, and as floats. `cv2.dnn.blobFromImage` returns the same with new memory for each
    image, and takes 2 ms more at 480x352 pixels.
    """

    def __init__(self) -> None:
        self._allocate(0, 0)

    def fill(self, image: BgrImage, size: tuple[int, int]) -> Float32Array:
        """Puts an image into the top left corner of the input; black fills the rest.

        Args:
            image: uint8 [height, width, 3], BGR; not modified.
            size: (width, height) to scale it to.

        Returns:
            float32 [1, 3, rows, columns], red, green, blue, 0..255; valid until the next call. Rows
            and columns are the size rounded up to multiples of 32.
        """
        width, height = size
        rows, columns = round_up(height), round_up(width)
        if self._canvas.shape[:2] != (rows, columns):
            self._allocate(rows, columns)
        scaled(image, size, self._canvas[:height, :width])
        # An earlier image of nearly the same size may have left pixels in the padding.
        self._canvas[:, width:] = 0
        self._canvas[height:] = 0
        cv2.split(self._canvas, self._channels)
        for plane, channel in zip(self._planes[0], reversed(self._channels), strict=True):
            plane[:] = channel
        return self._planes

    def _allocate(self, rows: int, columns: int) -> None:
        self._canvas = np.zeros((rows, columns, 3), np.uint8)
        self._channels = [np.empty((rows, columns), np.uint8) for _ in range(3)]
        self._planes: Float32Array = np.empty((1, 3, rows, columns), np.float32)


def round_up(length: int) -> int:
    """The next multiple of `SIZE_MULTIPLE`."""
    return math.ceil(length / SIZE_MULTIPLE) * SIZE_MULTIPLE
