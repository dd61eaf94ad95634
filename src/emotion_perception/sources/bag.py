"""Images of a rosbag."""

from collections.abc import Iterator
from pathlib import Path

from emotion_perception.bags.reader import BagImage, BagReader
from emotion_perception.errors import BagError, ImageFormatError, SourceError
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind
from emotion_perception.types import NS_PER_S, BgrImage, Frame


class BagSource(CloseableSource):
    """One image topic of a bag; frames keep the stamps of their headers.

    A message without a stamp takes the time at which it was recorded. A damaged image is left out
    and counted.

    Args:
        path: A rosbag2 folder, or an .mcap, .db3 or .bag file.
        options: `topic` chooses among the image topics.

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
                duration_ns = bag.duration_ns
        except BagError as error:
            raise SourceError(str(error)) from error
        self.topic = topic.name
        self.frame_count: int | None = topic.count
        # Over the whole bag, which holds the topic: exact enough for a progress bar.
        has_rate = topic.count > 1 and duration_ns > 1
        rate = (topic.count - 1) * NS_PER_S / duration_ns if has_rate else None
        self.frame_rate: float | None = rate

    def __iter__(self) -> Iterator[Frame]:
        """Yields the images in recorded order.

        Raises:
            SourceError: The bag is damaged, or not one of its images can be decoded.
        """
        try:
            with BagReader(self._path) as bag:
                yield from self._frames(bag)
        except BagError as error:
            raise SourceError(str(error)) from error

    def _frames(self, bag: BagReader) -> Iterator[Frame]:
        index = 0
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
            yield _frame(message, image, index)
            index += 1
        if index == 0 and first_error:
            raise SourceError(
                f'Bag {self._path} has no usable image on {self.topic}: {first_error}'
            )


def _frame(message: BagImage, image: BgrImage, index: int) -> Frame:
    return Frame(image, message.stamp_ns or message.record_ns, index)
