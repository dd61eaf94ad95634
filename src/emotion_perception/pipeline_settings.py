"""What a pipeline can be told; apart from it, so that a launch file needs no ONNX Runtime."""

from dataclasses import dataclass
from typing import Final

LIVE_DETECT_EVERY_N: Final = 5
"""For cameras: at 30 frames a second a new face is found within a sixth of one, for a fourth of the
work."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What may change while the pipeline runs.

    Attributes:
        confidence_threshold: Emotions below this probability are reported as uncertain, 0..1.
        face_score_threshold: Detections below this score are dropped, 0..1.
        min_face_size: Faces whose box is narrower or lower are dropped, in pixels.
        smoothing: Time constant of the probabilities' low-pass filter in seconds; 0 is off.
        max_faces: Only the largest faces are kept; 0 keeps all.
        detect_every_n: The detector looks at the whole of every n-th frame; between, near the known
            faces only, and new ones appear later. 1 looks at the whole of every frame.
        max_detection_side: Longest side in pixels at which a whole frame is searched; 0 follows
            `min_face_size` alone. Where it is too small for that, small faces are not found.
    """

    confidence_threshold: float = 0.0
    face_score_threshold: float = 0.5
    min_face_size: int = 24
    smoothing: float = 0.3
    max_faces: int = 0
    detect_every_n: int = 1
    max_detection_side: int = 480
