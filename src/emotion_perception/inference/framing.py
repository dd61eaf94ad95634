"""Where a face lies in the square that the network sees.

The numbers are measured, not guessed: the face detector was run over enlarged FER-2013 images and
the median position of its landmarks and boxes was kept, in units of the image's side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Point = tuple[float, float]

# Medians over 3000 images of FER-2013 Training, the classes in equal parts, as measured by
# `python -m training framing`; a manifest overrides them. Single images scatter about them with a
# standard deviation of 0.08 (landmark x), 0.06 (landmark y), 0.05 (box centre) and 0.1 (box size).
_DEFAULT_LANDMARKS: tuple[Point, ...] = (
    (0.315, 0.402),
    (0.685, 0.402),
    (0.500, 0.599),
    (0.350, 0.755),
    (0.650, 0.755),
)


@dataclass(frozen=True, slots=True)
class BoxFraming:
    """Usual face box of one detector, in units of the square's side.

    Attributes:
        center_x: Centre from the left edge, 0..1.
        center_y: Centre from the top edge, 0..1.
        size: Mean of width and height, > 0; above 1 when boxes reach beyond the square.
    """

    center_x: float = 0.5
    center_y: float = 0.5
    size: float = 0.9


_CENTERFACE_BOX = BoxFraming(0.5, 0.540, 0.870)
_DEFAULT_BOXES: Mapping[str, BoxFraming] = {
    'centerface': _CENTERFACE_BOX,
    'haar': BoxFraming(0.5, 0.497, 0.979),
    # Not measured, for its weights are the user's own; used only where its landmarks are unusable.
    'yunet': _CENTERFACE_BOX,
}


@dataclass(frozen=True, slots=True)
class Framing:
    """Canonical position of a face in the unit square.

    Attributes:
        landmarks: (x, y) of the eyes, the nose tip and the mouth corners, the image's left one of
            each pair first (the person's right), in units of the square's side, y down.
        boxes: For faces without landmarks: the usual box, by detector name.
    """

    landmarks: tuple[Point, ...] = _DEFAULT_LANDMARKS
    boxes: Mapping[str, BoxFraming] = field(default_factory=lambda: dict(_DEFAULT_BOXES))

    def box_for(self, detector: str) -> BoxFraming:
        """Box framing of a detector; a centred default where none was measured."""
        return self.boxes.get(detector, BoxFraming())

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> 'Framing':
        """Reads the `framing` object of a manifest.

        Raises:
            ValueError: There are not five (x, y) landmarks.
        """
        points = tuple((float(x), float(y)) for x, y in document['landmarks'])
        if len(points) != 5:
            raise ValueError(f'framing needs 5 landmarks, got {len(points)}')
        boxes = {name: BoxFraming(**box) for name, box in document['boxes'].items()}
        return Framing(points, boxes)
