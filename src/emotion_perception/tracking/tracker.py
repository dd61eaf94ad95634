"""Face identities over time, by one-to-one matching of detections to tracks, and smoothing.

A track is matched by the overlap of its box, moved on by its own velocity, with the new detection.
Tracks age by the images' own stamps, and by how far these are usually apart, so that a slow camera
or a bag played at another speed keeps the same identities; frames without a detection count too.
"""

import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emotion_perception.detection.base import moved
from emotion_perception.tracking.baseline import CalmBaseline
from emotion_perception.types import NS_PER_S, Box, Detection, iou_matrix, match_greedily

Probabilities = npt.NDArray[np.float32]


def smoothing_weight(elapsed_s: float, time_constant_s: float) -> float:
    """Weight of the newest sample in a first-order low-pass filter.

    The exact discretisation `1 - exp(-dt / tau)`: halving the frame rate changes the weight of a
    frame, not the speed at which the label follows the face.

    Args:
        elapsed_s: Time since the last sample in seconds, >= 0.
        time_constant_s: Time in seconds after which 63 % of a change is followed; 0 switches the
            smoothing off.

    Returns:
        Weight of the new sample, 0..1.
    """
    if time_constant_s <= 0:
        return 1.0
    return 1.0 - math.exp(-max(elapsed_s, 0.0) / time_constant_s)


def smooth(previous: Probabilities | None, current: Probabilities, weight: float) -> Probabilities:
    """Moves `previous` towards `current` by `weight`; a convex mean, so the sum stays 1.

    Args:
        previous: float32 [7], or None on the first sample of a track.
        current: float32 [7], this frame's probabilities.
        weight: Weight of `current`, 0..1.

    Returns:
        float32 [7].
    """
    if previous is None:
        return current
    return np.asarray(previous + np.float32(weight) * (current - previous), np.float32)


class SmoothedProbabilities:
    """Probabilities of one face over time."""

    def __init__(self) -> None:
        """Starts without a state: the first ones are taken as they are."""
        self._probabilities: Probabilities | None = None
        self._stamp_ns = 0

    def update(
        self, current: Probabilities, stamp_ns: int, time_constant_s: float
    ) -> Probabilities:
        """Takes the next ones and returns the smoothed ones.

        Args:
            current: float32 [7].
            stamp_ns: Time of their image in nanoseconds. Where it lies before the last one, a new
                stream starts.
            time_constant_s: As of `smoothing_weight`.

        Returns:
            float32 [7].
        """
        if stamp_ns < self._stamp_ns:
            self._probabilities = None
        weight = smoothing_weight((stamp_ns - self._stamp_ns) / NS_PER_S, time_constant_s)
        self._stamp_ns = stamp_ns
        self._probabilities = smooth(self._probabilities, current, weight)
        return self._probabilities


# Boxes of one face in neighbouring frames overlap by far more; those of two people by far less.
_MIN_MATCH_IOU = 0.2
MAX_AGE_S = 1.0
"""A face that left and came back within this time is taken for the same one, in seconds."""

# In a slow stream it may be missed in one image, too, and still be the same one.
_MAX_AGE_STEPS = 2.5
_LONGEST_AGE_S = 30.0
_REMEMBERED_STEPS = 7

# Weight of the newest displacement in the velocity: detections jitter by a pixel or two.
_VELOCITY_GAIN = 0.5
# That jitter must not carry a track away: between images that follow each other quicker it would
# be most of the velocity, and no velocity holds for longer than some of the steps it was seen over.
_SHORTEST_STEP_S = 1 / 30
_STEPS_AHEAD = 10


class StreamPace:
    """The usual time between two images of a stream, by their stamps."""

    def __init__(self) -> None:
        """Starts without an image."""
        self._last_ns: int | None = None
        self._steps: deque[int] = deque(maxlen=_REMEMBERED_STEPS)

    def add(self, stamp_ns: int) -> None:
        """Takes the stamp of the next image, in nanoseconds; one that goes back starts anew."""
        if self._last_ns is not None and stamp_ns < self._last_ns:
            self._steps.clear()
        elif self._last_ns is not None and stamp_ns > self._last_ns:
            self._steps.append(stamp_ns - self._last_ns)
        self._last_ns = stamp_ns

    @property
    def step_ns(self) -> int:
        """Median of the last steps in nanoseconds; 0 before there is one."""
        return statistics.median_low(self._steps) if self._steps else 0

    @property
    def max_age_ns(self) -> int:
        """How long a face may be away and still be the same one, in nanoseconds."""
        usual_s = _MAX_AGE_STEPS * self.step_ns / NS_PER_S
        return round(min(max(MAX_AGE_S, usual_s), _LONGEST_AGE_S) * NS_PER_S)


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
        baseline: What this face looks like when it is calm.
    """

    track_id: int
    detection: Detection
    seen_ns: int
    velocity: tuple[float, float] = (0.0, 0.0)
    horizon_s: float = 0.0
    probabilities: Probabilities | None = None
    classified_ns: int = 0
    baseline: CalmBaseline = field(default_factory=CalmBaseline)

    def predicted(self, stamp_ns: int) -> Detection:
        """The face moved on to a later time at the track's velocity, as long as that holds."""
        return moved(self.detection, *self._way(stamp_ns))

    def predicted_box(self, stamp_ns: int) -> Box:
        """Its box alone."""
        x, y = self._way(stamp_ns)
        box = self.detection.box
        return Box(box.x + x, box.y + y, box.width, box.height)

    def _way(self, stamp_ns: int) -> tuple[float, float]:
        elapsed = min((stamp_ns - self.seen_ns) / NS_PER_S, self.horizon_s)
        return self.velocity[0] * elapsed, self.velocity[1] * elapsed

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

    def __init__(self, min_iou: float = _MIN_MATCH_IOU) -> None:
        self._min_iou = min_iou
        self._pace = StreamPace()
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
        self._pace = StreamPace()
        self._next_id = 1

    def update(self, detections: Sequence[Detection], stamp_ns: int) -> list[Track]:
        """Matches the detections of one frame; call it for empty frames too.

        Args:
            detections: All faces of the frame.
            stamp_ns: The frame's time in nanoseconds, not before the last one.

        Returns:
            One track per detection, in the same order.
        """
        self._pace.add(stamp_ns)
        oldest = stamp_ns - self._pace.max_age_ns
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
