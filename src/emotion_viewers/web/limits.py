"""What the page takes, and where it listens."""

import ipaddress
from dataclasses import dataclass
from typing import Final

DEFAULT_HOST: Final = '127.0.0.1'
DEFAULT_PORT: Final = 7860


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


def is_loopback(host: str) -> bool:
    """Says whether a page that listens on a host is seen by this machine alone."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
