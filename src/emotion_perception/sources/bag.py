"""Images of a rosbag."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from emotion_perception.bags.reader import BagImage, BagReader
from emotion_perception.errors import BagError, ImageFormatError, SourceError
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind, stamp_at
from emotion_perception.types import Frame, rate_of

# Enough for a median that a slow start or a jump of the clock does not move.
_MEASURED = 31


class BagSource(CloseableSource):
    """One image topic of a bag; frames keep the stamps of their headers.

    A message without a stamp takes the time at which it was recorded. A damaged image is left out
    and counted.

    Args:
        path: A rosbag2 folder, or an .mcap, .db3 or .bag file.
        options: `topic` chooses among the image topics; `frame_rate` replaces the recorded stamps
            after the first one.

    Raises:
        SourceError: There is no bag, it is damaged or empty, or it has no images.
    """

    live = False
    stamp_kind = StampKind.RECORDED

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__()
        self.name = f'Bag {path}'
        self._path = path
        try:
            with BagReader(path) as bag:
                topic = bag.image_topic(options.topic)
                stamps = [_stamp_of(each) for each in islice(bag.images(topic.name), _MEASURED)]
        except BagError as error:
            raise SourceError(str(error)) from error
        self.topic = topic.name
        self._requested = options.topic
        self.frame_count: int | None = topic.count
        self._fixed_rate = options.frame_rate
        self.frame_rate: float | None = options.frame_rate or rate_of(stamps)

    def __iter__(self) -> Iterator[Frame]:
        """Yields the images in recorded order.

        Raises:
            SourceError: The bag is damaged, or not one of its images can be decoded.
        """
        try:
            with BagReader(self._path) as bag:
                bag.tell_choice(self._requested)
                self._requested = self.topic  # told once, however often it is played
                yield from self._frames(bag)
        except BagError as error:
            raise SourceError(str(error)) from error

    def _frames(self, bag: BagReader) -> Iterator[Frame]:
        index, first_ns = 0, 0
        first_error: ImageFormatError | None = None
        for message in bag.images(self.topic):
            if self._closed:
                return
            try:
                image = message.decode()
            except ImageFormatError as error:
                self.skipped += 1
                first_error = first_error or error
                continue
            stamp_ns = _stamp_of(message)
            first_ns = first_ns if index else stamp_ns
            if self._fixed_rate:
                stamp_ns = first_ns + stamp_at(index, self._fixed_rate)
            yield Frame(image, stamp_ns, index, message.frame_id)
            index += 1
        if index == 0 and first_error:
            raise SourceError(
                f'Bag {self._path} has no usable image on {self.topic}: {first_error}'
            )


def _stamp_of(message: BagImage) -> int:
    """Stamp of an image in nanoseconds; without one, the time at which it was recorded."""
    return message.stamp_ns or message.record_ns
