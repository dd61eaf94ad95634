"""What the page takes, and where it listens."""

import ipaddress
from dataclasses import dataclass
from typing import Final

DEFAULT_HOST: Final = '127.0.0.1'
DEFAULT_PORT: Final = 7860


MAX_PHOTO_PIXELS: Final = 1 << 26
"""Largest width x height of a photo: 67 million pixels, which take seconds of everybody's time."""

MAX_MOVING_PIXELS: Final = 1 << 24
"""The same for each image of a video or webcam: 16 million; 4K has 8."""

MAX_WAITING: Final = 32
"""Requests that may wait for the networks; each holds its image in memory."""

VIDEOS_AT_ONCE: Final = 2
"""Videos that are processed at a time."""

MAX_VIDEOS: Final = 16
"""The same with those that wait for a turn and can be stopped, each in a thread of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one visitor may ask for.

    Attributes:
        upload_mb: Largest file in megabytes (10^6 bytes).
        video_s: Longest video in seconds.
    """

    upload_mb: int = 200
    video_s: int = 300

    @property
    def upload_bytes(self) -> int:
        """Largest file in bytes."""
        return self.upload_mb * 1_000_000


def is_address(host: str) -> bool:
    """Says whether a host is written as numbers, not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Says whether a page that listens on a host is seen by this machine alone."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
