"""The calibration of a camera, as `sensor_msgs/CameraInfo` has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

COEFFICIENTS: Final[Mapping[str, tuple[int, ...]]] = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
"""Numbers of coefficients that each model of sensor_msgs/distortion_models.hpp can have."""
_ANY_COUNT: Final = {0, *(count for counts in COEFFICIENTS.values() for count in counts)}
_FISHEYE: Final = 'equidistant'


@dataclass(frozen=True, slots=True)
class CameraCalibration:
    """The fields of `sensor_msgs/CameraInfo` that a calibration fills.

    Attributes:
        width: Width of the calibrated image in pixels; 0 when uncalibrated.
        height: Height of the calibrated image in pixels; 0 when uncalibrated.
        camera_name: Name that the calibration was made for.
        distortion_model: For example 'plumb_bob'; empty when uncalibrated.
        d: Distortion coefficients; as many as the model has.
        k: Intrinsic matrix, 3x3 row-major; all zero when uncalibrated (REP-104).
        r: Rectification matrix, 3x3 row-major.
        p: Projection matrix, 3x4 row-major.
    """

    width: int = 0
    height: int = 0
    camera_name: str = ''
    distortion_model: str = ''
    d: tuple[float, ...] = ()
    k: tuple[float, ...] = (0.0,) * 9
    r: tuple[float, ...] = (0.0,) * 9
    p: tuple[float, ...] = (0.0,) * 12

    @property
    def is_calibrated(self) -> bool:
        """Whether it can be used: REP-104 marks an uncalibrated camera by K[0] = 0."""
        numbers = np.array([*self.k, *self.d])
        is_usable = bool(np.isfinite(numbers).all()) and len(self.d) in _ANY_COUNT
        return is_usable and self.k[0] > 0 and self.k[4] > 0

    def size_warning(self, image_width: int, image_height: int) -> str | None:
        """Says in one sentence that the calibration was made at another size; None if it fits."""
        if not self.is_calibrated or (self.width, self.height) == (image_width, image_height):
            return None
        return (
            f'The calibration was made at {self.width}x{self.height} pixels, but the camera gives '
            f'{image_width}x{image_height}: set `image_width` and `image_height`, or calibrate '
            'again.'
        )


def direction(point: npt.NDArray[np.float64], camera: CameraCalibration) -> tuple[float, float]:
    """Ratios x / z and y / z of what a calibrated camera sees at a point of its raw image.

    Args:
        point: float64 [2], in pixels.
        camera: Its calibration.
    """
    matrix = np.array(camera.k, np.float64).reshape(3, 3)
    distorted = np.array(point, np.float64).reshape(1, 1, 2)
    coefficients = np.array(camera.d, np.float64)
    if camera.distortion_model == _FISHEYE and len(camera.d) in COEFFICIENTS[_FISHEYE]:
        ratios = cv2.fisheye.undistortPoints(distorted, matrix, coefficients)
    else:
        ratios = cv2.undistortPoints(distorted, matrix, coefficients)
    return float(ratios[0, 0, 0]), float(ratios[0, 0, 1])
