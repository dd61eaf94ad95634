"""What every frame source has in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Protocol

from emotion_perception.errors import SourceError
from emotion_perception.files.closeable import Closeable
from emotion_perception.outputs.sound import SoundTrack
from emotion_perception.types import NS_PER_S, Frame


class StampKind(Enum):
    """What the stamps of a source mean."""

    ACQUISITION = 'acquisition'
    """Time at which a camera took the image, in nanoseconds since the epoch."""

    RECORDED = 'recorded'
    """Time written in a bag: kept, so that a replay gives the same results."""

    POSITION = 'position'
    """Position in a clip, from 0."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to open a source; a source ignores what does not concern it.

    Attributes:
        frame_rate: Frames per second: asked of a camera, or played at instead of a file's own rate;
            0 leaves it to the source.
        width: Width in pixels asked of a camera; 0 leaves it to the driver.
        height: Height in pixels asked of a camera; 0 leaves it to the driver.
        pixel_format: Four-character code asked of a camera, for example 'MJPG' or 'YUYV'; empty
            leaves it to the driver.
        loop: Start a finite source again at its end.
        topic: Image topic of a bag; its first one when empty.

    Raises:
        SourceError: A number is negative or the pixel format has no four characters.
    """

    frame_rate: float = 0.0
    width: int = 0
    height: int = 0
    pixel_format: str = ''
    loop: bool = False
    topic: str = ''

    def __post_init__(self) -> None:
        if not 0 <= self.frame_rate < float('inf') or self.width < 0 or self.height < 0:
            raise SourceError('Frame rate, width and height must be 0 (automatic) or positive.')
        if self.pixel_format and len(self.pixel_format) != 4:
            raise SourceError(
                f'Pixel format {self.pixel_format!r} must have four characters, such as MJPG.'
            )


class FrameSource(Protocol):
    """Where frames come from. A context manager; iterate over it to get the frames.

    Iteration yields every frame once and ends at the end of the source; iterating again over a
    finite source starts it again.
    """

    @property
    def name(self) -> str:
        """What the source is called in messages to the user."""

    @property
    def live(self) -> bool:
        """True for a camera or stream: frames come in their own time and have no end."""

    @property
    def stamp_kind(self) -> StampKind:
        """What the stamps of its frames mean."""

    @property
    def frame_rate(self) -> float | None:
        """Frames per second; None when unknown."""

    @property
    def frame_count(self) -> int | None:
        """Number of frames of one pass; None when unknown or without end."""

    @property
    def skipped(self) -> int:
        """Frames so far that were damaged and left out."""

    @property
    def sound(self) -> SoundTrack | None:
        """The sound that belongs to the frames; None where there can be none."""

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames.

        Raises:
            SourceError: The device was lost or the file is damaged.
        """

    def close(self) -> None:
        """Ends the iteration and frees the device or file; may be called from another thread."""

    def __enter__(self) -> 'FrameSource': ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class CloseableSource(Closeable):
    """Context management, and a flag that ends the iteration; base of the sources."""

    def __init__(self) -> None:
        self._closed = False
        self.skipped = 0
        self.sound: SoundTrack | None = None

    def close(self) -> None:
        """Ends the iteration."""
        self._closed = True


def stamp_at(index: int, frame_rate: float) -> int:
    """Position of a frame in its clip, in nanoseconds; rounded once, so that nothing adds up."""
    return round(index * NS_PER_S / frame_rate)
