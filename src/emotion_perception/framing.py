"""Where a face lies in the square that the network sees.

The numbers are measured, not guessed: the face detector was run over enlarged FER-2013 pictures and
the mean position of its landmarks and boxes was kept, in units of the picture's side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Point = tuple[float, float]

# Means over FER-2013 Training as measured by `python -m training framing`; a manifest overrides them.
_DEFAULT_LANDMARKS: tuple[Point, ...] = (
    (0.31, 0.40),
    (0.69, 0.40),
    (0.50, 0.60),
    (0.34, 0.78),
    (0.66, 0.78),
)


@dataclass(frozen=True, slots=True)
class BoxFraming:
    """Mean face box of one detector, in units of the square's side.

    Attributes:
        center_x: Centre from the left edge, 0..1.
        center_y: Centre from the top edge, 0..1.
        size: Mean of width and height, > 0; above 1 when boxes reach beyond the square.
    """

    center_x: float = 0.5
    center_y: float = 0.5
    size: float = 0.9


@dataclass(frozen=True, slots=True)
class Framing:
    """Canonical position of a face in the unit square.

    Attributes:
        landmarks: (x, y) of right eye, left eye, nose tip, right and left mouth corner of the person
            (the picture's left one first), in units of the square's side, y down.
        boxes: For detectors without landmarks: their mean box, by detector name.
    """

    landmarks: tuple[Point, ...] = _DEFAULT_LANDMARKS
    boxes: Mapping[str, BoxFraming] = field(default_factory=lambda: {'haar': BoxFraming()})

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
