"""Cuts a face out of a frame exactly as FER-2013 frames its faces.

Coordinates are continuous: pixel (i, j) covers [i, i + 1) x [j, j + 1), its centre is (i + .5,
j + .5). `cv2.warpAffine` counts from pixel centres; the last step converts.
"""

import cmath
import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.inference.framing import BoxFraming, Framing
from emotion_perception.types import BgrImage, Box, Detection, Landmarks, pixel_box

Uint8Array = npt.NDArray[np.uint8]
Affine = npt.NDArray[np.float64]
"""float64 [2, 3]: source pixels to pixels of the aligned face, both continuous."""

# A warp reads four source pixels for each pixel it writes. Where a face is larger than the aligned
# image, it is warped this many times larger and averaged down, or it would alias.
_MAX_OVERSAMPLING: Final = 8

# In a profile the eyes come together, and the best fit reacts by zooming in (at most by a fifth);
# landmarks on a wrong spot can do worse. The box is coarser but steadier: it bounds the zoom.
_MAX_ZOOM_OVER_BOX: Final = 1.25


def align_faces(
    image: BgrImage,
    detections: Sequence[Detection],
    framing: Framing,
    face_size: int,
    detector_name: str,
) -> Uint8Array:
    """Cuts out all faces of a frame, upright and framed as the network's training images.

    Args:
        image: uint8 [height, width, 3], BGR, not empty.
        detections: Faces in pixels of `image`; may reach beyond it, where its edge is repeated.
        framing: Where landmarks and boxes belong in the aligned square.
        face_size: Side of an aligned face in pixels, >= 1.
        detector_name: `FaceDetector.name`, which chooses the box framing.

    Returns:
        uint8 [N, face_size, face_size], grey 0..255, in the order of `detections`.
    """
    faces = np.empty((len(detections), face_size, face_size), np.uint8)
    for face, detection in zip(faces, detections, strict=True):
        transform = face_transform(detection, framing, face_size, detector_name)
        face[:] = _warp_grey(image, transform, face_size)
    return faces


def face_transform(
    detection: Detection, framing: Framing, face_size: int, detector_name: str
) -> Affine:
    """The similarity transform from the frame to the aligned face.

    From the landmarks where there are usable ones, from the box otherwise.

    Args:
        detection: Face in source pixels.
        framing: Where landmarks and boxes belong in the aligned square.
        face_size: Side of the aligned face in pixels.
        detector_name: Key of the box framing.

    Returns:
        float64 [2, 3], continuous coordinates.
    """
    by_box = _box_similarity(detection.box, framing.box_for(detector_name), face_size)
    if detection.landmarks is None:
        return _as_affine(*by_box)
    target = np.asarray(framing.landmarks, np.float64) * face_size
    largest = abs(by_box[0]) * _MAX_ZOOM_OVER_BOX
    by_points = fit_similarity(detection.landmarks, target, largest)
    return _as_affine(*(by_points or by_box))


def fit_similarity(
    source: Landmarks, target: npt.NDArray[np.float64], max_scale: float = math.inf
) -> tuple[complex, complex] | None:
    """Least-squares similarity without reflection between two sets of points.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991. In the plane, with points as complex numbers z = x + iy, its solution is the linear
    regression target = a * source + b, whose a holds scale |a| and rotation arg(a).

    Args:
        source: [n, 2] points.
        target: [n, 2] points.
        max_scale: Bound of the scale; where it binds, the rotation and the centroids' match stay.

    Returns:
        (a, b), or None when points are not finite, coincide or determine no rotation.
    """
    if not np.isfinite(source).all():
        return None
    z = np.asarray(source, np.float64) @ (1, 1j)
    w = target @ (1, 1j)
    z_mean, w_mean = complex(z.mean()), complex(w.mean())
    covariance = complex(np.vdot(z - z_mean, w - w_mean))
    spread = float(np.vdot(z - z_mean, z - z_mean).real)
    # Less than a pixel between all points, or points that contradict each other.
    if spread < 1.0 or abs(covariance) < 1e-6:
        return None
    scale = min(abs(covariance) / spread, max_scale)
    a = cmath.rect(scale, cmath.phase(covariance))
    return a, w_mean - a * z_mean


def _box_similarity(box: Box, framing: BoxFraming, face_size: int) -> tuple[complex, complex]:
    """Scales and shifts a box to its mean place; upright, for a box knows no rotation."""
    scale = framing.size * face_size * 2.0 / (box.width + box.height)
    center = complex(framing.center_x, framing.center_y) * face_size
    return complex(scale), center - scale * complex(*box.center)


def _as_affine(a: complex, b: complex) -> Affine:
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp_face(
    image: BgrImage, transform: Affine, width: int, height: int, *, roughly: bool = False
) -> Uint8Array:
    """Cuts out one face in colour, where its transform puts it.

    Args:
        image: uint8 [height, width, 3], BGR, not empty; its edge is repeated beyond it.
        transform: From `face_transform`: pixels of `image` to pixels of the result.
        width: Width of the result in pixels, >= 1.
        height: Height of the result in pixels, >= 1.
        roughly: Average from half the size on only, for networks that are used to it: quicker.

    Returns:
        uint8 [height, width, 3], BGR.
    """
    crop = _warp_enlarged(image, transform, width, height, roughly=roughly)
    return _shrink(crop, width, height)


def _warp_grey(image: BgrImage, transform: Affine, face_size: int) -> Uint8Array:
    crop = _warp_enlarged(image, transform, face_size, face_size)
    # Grey after the warp: a face is smaller than the frame.
    return _shrink(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), face_size, face_size)


def _warp_enlarged(
    image: BgrImage, transform: Affine, width: int, height: int, *, roughly: bool = False
) -> Uint8Array:
    """Warps to a multiple of the size, so that a large face is averaged down afterwards."""
    times = 1.0 / math.hypot(transform[0, 0], transform[1, 0])
    oversampling = min(max(int(times) if roughly else round(times), 1), _MAX_OVERSAMPLING)
    enlarged = transform * oversampling
    # From continuous coordinates to those of pixel centres, on both sides.
    enlarged[:, 2] += enlarged[:, :2].sum(axis=1) * 0.5 - 0.5
    size = (width * oversampling, height * oversampling)
    crop = cv2.warpAffine(
        image, enlarged, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)


def _shrink(image: npt.NDArray[Any], width: int, height: int) -> Uint8Array:
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


_FRAMING = Framing()
# Chooses the framing of boxes without landmarks; none was measured for an unknown detector.
_ANY_DETECTOR = ''


def cropped_portrait(image: BgrImage, box: Box, width: int, height: int) -> Uint8Array:
    """The face's box, scaled to fit with its proportions kept, centred, black around it.

    Args:
        image: uint8 [rows, columns, 3], BGR.
        box: Face in pixels of `image`; the part outside is left out.
        width: Width of the result in pixels, >= 1.
        height: Height of the result in pixels, >= 1.

    Returns:
        uint8 [height, width, 3], BGR; all black when nothing of the box lies in the image.
    """
    portrait = np.zeros((height, width, 3), np.uint8)
    rows, columns = image.shape[:2]
    x, y, box_width, box_height = pixel_box(box, columns, rows)
    if not box_width or not box_height:
        return portrait
    scale = min(width / box_width, height / box_height)
    size = (max(round(box_width * scale), 1), max(round(box_height * scale), 1))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    face = cv2.resize(
        image[y : y + box_height, x : x + box_width], size, interpolation=interpolation
    )
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    portrait[top : top + size[1], left : left + size[0]] = face
    return portrait


def aligned_portrait(image: BgrImage, face: Detection, width: int, height: int) -> Uint8Array:
    """The face turned level and framed as the emotion network sees it, in colour.

    Args:
        image: uint8 [rows, columns, 3], BGR, not empty; its edge is repeated beyond it.
        face: Face in pixels of `image`; without landmarks it is framed by its box, not turned.
        width: Width of the result in pixels, >= 1.
        height: Height of the result in pixels, >= 1; the face fills the middle square.

    Returns:
        uint8 [height, width, 3], BGR.
    """
    side = min(width, height)
    transform = face_transform(face, _FRAMING, side, _ANY_DETECTOR)
    transform[:, 2] += ((width - side) / 2, (height - side) / 2)
    return warp_face(image, transform, width, height)
