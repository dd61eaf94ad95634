"""Every quality-of-service profile of the package, named once.

Each endpoint is created with `QoSOverridingOptions.with_default_policies()`, so that a robot can
change history, depth and reliability by parameter without touching code. rclpy writes such changes
into the profile that it is given, so every endpoint gets a copy of its own.
"""

from copy import copy
from typing import Final

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from emotion_bringup.parameter_tables import REPLAY

IMAGE_OUT: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=2
)
"""Published images. Reliable suits both kinds of subscriber; a small depth keeps no old ones."""

IMAGE_IN: Final = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, history=HistoryPolicy.KEEP_LAST, depth=1
)
"""Images of a live camera: any publisher matches, and only the newest frame is kept."""

IMAGE_REPLAY: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_ALL, depth=1000
)
"""Images of a file or bag: nothing is dropped, at the cost of memory while the reader is behind."""

EMOTIONS: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=10
)
"""Results of a live camera."""

EMOTIONS_REPLAY: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_ALL, depth=1000
)
"""Results of a file or bag: every image is processed, and every result arrives."""

LABELS: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
)
"""Latched: a late subscriber still learns what the numbers mean."""

CAMERA_INFO: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=10
)

DIAGNOSTICS: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=10
)

FULL_SEARCH: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=1
)
"""Carries nothing: to subscribe is to ask."""


CAMERA_INFO_IN: Final = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, history=HistoryPolicy.KEEP_LAST, depth=1
)
"""Calibrations as they are read: all of a camera are alike, whatever its publisher offers."""


DEPTH_IN: Final = QoSProfile(
    reliability=ReliabilityPolicy.BEST_EFFORT, history=HistoryPolicy.KEEP_LAST, depth=5
)
"""Depth images of a live camera: some are kept, because the one of the image that is looked at may
come before or after it."""


EVENTS: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=50
)
"""What happened on faces: rare, and none may be lost."""

TF: Final = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=100
)
"""Frames, as tf2 publishes them."""


def overridable() -> QoSOverridingOptions:
    """Options that let `qos_overrides.*` parameters change an endpoint's profile."""
    return QoSOverridingOptions.with_default_policies()


def image_out(mode: str) -> QoSProfile:
    """Profile of published images in `live` or `replay` mode."""
    return copy(IMAGE_REPLAY if mode == REPLAY else IMAGE_OUT)


def image_in(mode: str) -> QoSProfile:
    """Profile of subscribed images in `live` or `replay` mode."""
    return copy(IMAGE_REPLAY if mode == REPLAY else IMAGE_IN)


def depth_in(mode: str) -> QoSProfile:
    """Profile of subscribed depth images in `live` or `replay` mode."""
    return copy(IMAGE_REPLAY if mode == REPLAY else DEPTH_IN)


def emotions(mode: str) -> QoSProfile:
    """Profile of results, published and subscribed, in `live` or `replay` mode."""
    return copy(EMOTIONS_REPLAY if mode == REPLAY else EMOTIONS)


def camera_info(mode: str) -> QoSProfile:
    """Profile of camera_info in `live` or `replay` mode."""
    return copy(EMOTIONS_REPLAY if mode == REPLAY else CAMERA_INFO)


def image_fallback(mode: str) -> QoSProfile:
    """Profile for a publisher that offers best effort only, where reliable was asked for."""
    profile = image_in(mode)
    return QoSProfile(
        reliability=ReliabilityPolicy.BEST_EFFORT, history=profile.history, depth=profile.depth
    )
