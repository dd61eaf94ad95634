"""Writes stamped images to a video in which everything happens when it happened."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emotion_perception.outputs.sound import SoundTrack, Timing, add_sound
from emotion_perception.outputs.video_writer import VideoWriter, check_video_name
from emotion_perception.types import NS_PER_S, BgrImage, rate_of

_LOGGER = logging.getLogger(__name__)

LONGEST_GAP_S: Final = 60.0
"""A longer time between two images is a clock that was set: the video shows so much of it."""

LIVE_GAP_S: Final = 1.0
"""The same for cameras: one that was away for minutes leaves no minutes of a still image."""

_FALLBACK_RATE: Final = 30.0
_RATE_RANGE: Final = (1.0, 240.0)
# The median of six intervals is right where the first ones are those of a slow start.
_MEASURED_IMAGES: Final = 7
# What a container states is believed where the stamps agree: browsers state 1000 frames a second.
_AGREEMENT: Final = 0.05


class VideoRecorder:
    """A video of constant rate in which images are repeated, or left out, to keep their times.

    A rate that is not given is measured over the first images; the file is made once it is known.

    Attributes:
        remark: What the finished file does not hold: images, times or sound; empty when it has all.
    """

    def __init__(
        self,
        path: Path,
        frame_rate: float = 0.0,
        *,
        stated_rate: float | None = None,
        longest_gap_s: float = LONGEST_GAP_S,
        sound: SoundTrack | None = None,
    ) -> None:
        """Stores the path; the file is opened with the first images.

        Args:
            path: Video file, see `VideoWriter`.
            frame_rate: Frames per second; 0 measures it.
            stated_rate: What the source says of its rate, taken where the stamps agree with it.
            longest_gap_s: No image is shown for longer, in seconds.
            sound: Of the source, whose stamps count from its first image.

        Raises:
            OutputError: The name's suffix is unknown.
        """
        check_video_name(path)
        self.path = path
        self._frame_rate = frame_rate
        self._stated_rate = stated_rate
        self._longest_gap_s = longest_gap_s
        self._sound = sound
        self._first_ns = 0
        self._waiting: list[tuple[BgrImage, int]] = []
        self._shown: tuple[BgrImage, int] | None = None
        self._writer: VideoWriter | None = None
        self._position = 0.0
        self._written = 0
        self._left_out = 0
        self._jumps_s: list[float] = []
        self.remark = ''

    @property
    def frames(self) -> int:
        """Frames in the file so far, or about to be."""
        return self._written + len(self._waiting) + (self._shown is not None)

    def write(self, image: BgrImage, stamp_ns: int) -> None:
        """Appends an image, which must not be changed afterwards.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.

        Raises:
            OutputError: The file cannot be written.
        """
        self._waiting.append((image, stamp_ns))
        if self._writer is not None or self._frame_rate or len(self._waiting) >= _MEASURED_IMAGES:
            self._write_waiting()

    def close(self) -> None:
        """Finishes the file; without a single image there is none.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._waiting:
            self._write_waiting()
        if self._writer is not None:
            writer, self._writer = self._writer, None
            if self._shown is not None:
                writer.write(self._shown[0])
                self._written, self._shown = writer.frames, None
            writer.close()
            remarks = [self._time_remark(), self._left_out_remark(), self._add_sound(writer.frames)]
            self.remark = ' '.join(filter(None, remarks))
            if self.remark:
                _LOGGER.warning('%s', self.remark)

    def _time_remark(self) -> str:
        if not self._jumps_s:
            return ''
        times = f', and {len(self._jumps_s) - 1} more times' if len(self._jumps_s) > 1 else ''
        return (
            f'{self.path.name} shows {self._longest_gap_s:g} s where the stamps go on by '
            f'{self._jumps_s[0]:.0f} s{times}.'
        )

    def _left_out_remark(self) -> str:
        if not self._left_out:
            return ''
        return (
            f'{self.path.name} is without {self._left_out} of the images: they came sooner after '
            f'one another than its {self._frame_rate:g} frames per second can show.'
        )

    def _add_sound(self, frames: int) -> str:
        if self._sound is None or not frames:
            return ''
        timing = Timing(max(self._first_ns, 0) / NS_PER_S, frames / self._frame_rate)
        return add_sound(self.path, self._sound, timing)

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._writer is None:
            self._frame_rate = self._frame_rate or self._measured_rate([ns for _, ns in waiting])
            height, width = waiting[0][0].shape[:2]
            self._first_ns = waiting[0][1]
            self._writer = VideoWriter(self.path, self._frame_rate, (width, height))
        for image, stamp_ns in waiting:
            self._show(self._writer, image, stamp_ns)

    def _show(self, writer: VideoWriter, image: BgrImage, stamp_ns: int) -> None:
        """Repeats the last image until this one is due."""
        if self._shown is not None:
            elapsed_s = (stamp_ns - self._shown[1]) / NS_PER_S
            if self._sound is not None and not 0 < elapsed_s <= self._longest_gap_s:
                self._sound.lost = 'the times of the images jump'
            # Time that goes back starts a new stream, whose first image comes next.
            if elapsed_s <= 0:
                elapsed_s = 1 / self._frame_rate
            if elapsed_s > self._longest_gap_s:
                self._jumps_s.append(elapsed_s)
            self._position += min(elapsed_s, self._longest_gap_s) * self._frame_rate
            self._left_out += writer.frames >= round(self._position)
            while writer.frames < round(self._position):
                writer.write(self._shown[0])
            self._written = writer.frames
        self._shown = image, stamp_ns

    def _measured_rate(self, stamps_ns: Sequence[int]) -> float:
        measured = rate_of(stamps_ns)
        stated = self._stated_rate
        if stated and (not measured or abs(stated / measured - 1) <= _AGREEMENT):
            return stated
        low, high = _RATE_RANGE
        # Rounded, because encoders store the rate as a fraction of small whole numbers.
        return round(min(max(measured or _FALLBACK_RATE, low), high), 3)
