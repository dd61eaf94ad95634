"""Whether a person engages with the camera: by how long it looks into it, or has looked away."""

import math
from enum import IntEnum
from typing import Final

from emotion_perception.types import NS_PER_S

# Probabilities of looking into the camera: who looks must fall below the lower one to look away.
_LOOKS: Final = 0.6
_LOOKS_AWAY: Final = 0.4
# A glance is shorter; people who talk to somebody look away for a moment again and again.
_STEADY_NS: Final = NS_PER_S


class EngagementLevel(IntEnum):
    """As in `hri_msgs/EngagementLevel`."""

    UNKNOWN = 0
    DISENGAGED = 1
    ENGAGING = 2
    ENGAGED = 3
    DISENGAGING = 4


class Engagement:
    """Follows one face from image to image.

    Looking becomes being engaged after a second, looking away being disengaged after another.
    """

    def __init__(self) -> None:
        """Starts without knowing anything."""
        self._level = EngagementLevel.UNKNOWN
        self._since_ns = 0

    @property
    def level(self) -> EngagementLevel:
        """What is known after the newest image."""
        return self._level

    @property
    def looks(self) -> bool:
        """Whether it looks into the camera now."""
        return self._level in {EngagementLevel.ENGAGING, EngagementLevel.ENGAGED}

    def update(self, looking_at_camera: float, stamp_ns: int) -> None:
        """Takes the next image.

        Args:
            looking_at_camera: Probability, 0..1; NaN where the head was not seen, which changes
                nothing: the head of a profile is not seen either.
            stamp_ns: Stamp of the image in nanoseconds.
        """
        if math.isnan(looking_at_camera):
            return
        looks = looking_at_camera > (_LOOKS_AWAY if self.looks else _LOOKS)
        steady = stamp_ns - self._since_ns >= _STEADY_NS
        level = self._level
        if looks and not self.looks:
            # Who comes back from a moment's look aside is engaged as before.
            back = level is EngagementLevel.DISENGAGING
            self._set(EngagementLevel.ENGAGED if back else EngagementLevel.ENGAGING, stamp_ns)
        elif looks and level is EngagementLevel.ENGAGING and steady:
            self._set(EngagementLevel.ENGAGED, stamp_ns)
        elif not looks and level is EngagementLevel.ENGAGED:
            self._set(EngagementLevel.DISENGAGING, stamp_ns)
        elif not looks and (level is not EngagementLevel.DISENGAGING or steady):
            self._set(EngagementLevel.DISENGAGED, stamp_ns)

    def _set(self, level: EngagementLevel, stamp_ns: int) -> None:
        if level is not self._level:
            self._level, self._since_ns = level, stamp_ns
