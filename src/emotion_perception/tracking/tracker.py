"""Face identities over time: one-to-one matching of detections to tracks.

A track is matched by the overlap of its box, moved on by its own velocity, with the new detection.
Tracks age by the images' own time stamps, so that a slow camera or a bag played at another speed
keeps the same identities, and they age on frames without any detection too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emotion_perception.tracking.smoothing import Probabilities
from emotion_perception.types import NS_PER_S, Box, Detection, iou_matrix, match_greedily

# Boxes of one face in neighbouring frames overlap by far more; those of two people by far less.
_MIN_MATCH_IOU = 0.2
MAX_AGE_S = 1.0
"""A face that left and came back within this time is taken for the same one, in seconds."""

# Weight of the newest displacement in the velocity: detections jitter by a pixel or two.
_VELOCITY_GAIN = 0.5
# That jitter must not carry a track away: between images that follow each other quicker it would
# be most of the velocity, and no velocity holds for longer than some of the steps it was seen over.
_SHORTEST_STEP_S = 1 / 30
_STEPS_AHEAD = 10


@dataclass(slots=True)
class Track:
    """One face over time.

    Attributes:
        track_id: Identity, from 1.
        detection: Newest detection of the face, in pixels.
        seen_ns: Stamp of that detection.
        velocity: (x, y) of the box centre in pixels per second.
        horizon_s: How far ahead the velocity holds, in seconds.
        probabilities: Smoothed class probabilities, float32 [7]; None before the first sample.
        classified_ns: Stamp of the newest sample in `probabilities`.
    """

    track_id: int
    detection: Detection
    seen_ns: int
    velocity: tuple[float, float] = (0.0, 0.0)
    horizon_s: float = 0.0
    probabilities: Probabilities | None = None
    classified_ns: int = 0

    def predicted_box(self, stamp_ns: int) -> Box:
        """The track's box moved on to a later time at its own velocity, as long as that holds."""
        elapsed = min((stamp_ns - self.seen_ns) / NS_PER_S, self.horizon_s)
        box, (vx, vy) = self.detection.box, self.velocity
        return Box(box.x + vx * elapsed, box.y + vy * elapsed, box.width, box.height)

    def update(self, detection: Detection, stamp_ns: int) -> None:
        """Takes a matched detection over and updates the velocity."""
        elapsed = (stamp_ns - self.seen_ns) / NS_PER_S
        if elapsed > 0:
            elapsed = max(elapsed, _SHORTEST_STEP_S)
            self.horizon_s = _STEPS_AHEAD * elapsed
            (x0, y0), (x1, y1) = self.detection.box.center, detection.box.center
            vx, vy = self.velocity
            self.velocity = (
                vx + _VELOCITY_GAIN * ((x1 - x0) / elapsed - vx),
                vy + _VELOCITY_GAIN * ((y1 - y0) / elapsed - vy),
            )
        self.detection, self.seen_ns = detection, stamp_ns


class FaceTracker:
    """Gives every detection the identity of the track it continues."""

    def __init__(self, max_age_s: float = MAX_AGE_S, min_iou: float = _MIN_MATCH_IOU) -> None:
        self._max_age_ns = round(max_age_s * NS_PER_S)
        self._min_iou = min_iou
        self._tracks: list[Track] = []
        self._current: list[Track] = []
        self._next_id = 1

    @property
    def current(self) -> Sequence[Track]:
        """Tracks of the newest frame, in the order of its detections."""
        return self._current

    @property
    def tracks(self) -> Sequence[Track]:
        """Tracks that are still alive, seen in the newest frame or not."""
        return self._tracks

    def reset(self) -> None:
        """Forgets every track; identities start from 1 again."""
        self._tracks, self._current = [], []
        self._next_id = 1

    def update(self, detections: Sequence[Detection], stamp_ns: int) -> list[Track]:
        """Matches the detections of one frame; call it for empty frames too.

        Args:
            detections: All faces of the frame.
            stamp_ns: The frame's time in nanoseconds, not before the last one.

        Returns:
            One track per detection, in the same order.
        """
        oldest = stamp_ns - self._max_age_ns
        self._tracks = [track for track in self._tracks if track.seen_ns >= oldest]
        overlap = iou_matrix(
            [track.predicted_box(stamp_ns) for track in self._tracks],
            [detection.box for detection in detections],
        )
        known = list(self._tracks)
        matches = dict(match_greedily(overlap, self._min_iou))
        matched: list[Track] = []
        for column, detection in enumerate(detections):
            if column in matches:
                track = known[matches[column]]
                track.update(detection, stamp_ns)
            else:
                track = self._start(detection, stamp_ns)
            matched.append(track)
        self._current = matched
        return matched

    def _start(self, detection: Detection, stamp_ns: int) -> Track:
        track = Track(self._next_id, detection, stamp_ns)
        self._next_id += 1
        self._tracks.append(track)
        return track
