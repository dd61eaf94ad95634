"""Adds emotions and an overlay to a rosbag: the original messages, and a result for every image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rosbags.interfaces import Connection

from emotion_perception.bags.messages import (
    compressed_image_message,
    emotion_typestore,
    face_array_message,
    image_message,
)
from emotion_perception.bags.reader import BagImage, BagReader
from emotion_perception.bags.type_names import (
    COMPRESSED_IMAGE_TYPE,
    FACE_ARRAY_TYPE,
    IMAGE_TYPE,
    IMAGE_TYPES,
)
from emotion_perception.bags.writer import BagWriter, storage_of
from emotion_perception.drawing import DEFAULT_STYLE, OverlayStyle, draw_faces
from emotion_perception.errors import BagError, ImageFormatError
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.types import BgrImage, Face, Frame

EMOTIONS_TOPIC: Final = '/emotions'


@dataclass(frozen=True, slots=True)
class AnnotateOptions:
    """What to add to a bag.

    Attributes:
        topic: Image topic to look at; the best for faces when empty.
        output_topic: Topic of the emotions; the overlay gets it with '/image' behind.
        overlay: Whether to add the overlay.
        compressed: Whether the overlay is JPEG, on a topic with '/image/compressed' behind.
        jpeg_quality: Its quality, 1..100.
        style: What is drawn onto it.
        overwrite: Whether an older bag is replaced, once the new one is complete.
    """

    topic: str = ''
    output_topic: str = EMOTIONS_TOPIC
    overlay: bool = True
    compressed: bool = False
    jpeg_quality: int = 85
    style: OverlayStyle = DEFAULT_STYLE
    overwrite: bool = False

    @property
    def overlay_topic(self) -> str:
        """Topic of the overlay."""
        return f'{self.output_topic}/image{"/compressed" if self.compressed else ""}'


@dataclass(slots=True)
class AnnotateReport:
    """What was done.

    Attributes:
        topic: The image topic that was looked at.
        messages: Messages of the original, all of them copied.
        images: Images that were processed.
        bad_images: Images that could not be decoded: copied, but not processed.
        first_problem: What was wrong with the first of them.
        foreign_topics: Topics that were not copied, because their messages are none of ROS 2.
    """

    topic: str
    messages: int = 0
    images: int = 0
    bad_images: int = 0
    first_problem: str = ''
    foreign_topics: tuple[str, ...] = ()


ImageHandler = Callable[[Frame | None, list[Face]], None]
"""Called after every image with its faces; the frame is None where it could not be decoded."""


def annotate_bag(
    source: Path,
    target: Path,
    pipeline: EmotionPipeline,
    options: AnnotateOptions | None = None,
    on_image: ImageHandler = lambda frame, faces: None,
) -> AnnotateReport:
    """Writes a copy of a bag with emotions and an overlay.

    Types, QoS profiles, times and bytes of the original messages stay as they are, and so do the
    headers of the images, which their results carry. What is added has the time at which its image
    was recorded. The copy appears under its name once it is complete; until then, and after any
    error or interruption, there is nothing; a kill leaves a hidden folder `.NAME.unfinished`, which
    the next run replaces. A split or compressed bag becomes one plain file.

    Args:
        source: A rosbag2 folder, or a single .mcap or .db3 file; only read.
        target: Folder of the new bag, in the storage of the source.
        pipeline: Fresh, or reset.
        options: What to add.
        on_image: What it raises ends the work.

    Raises:
        BagError: The source cannot be read, has no usable image or one of the topics already; or
            the target exists or cannot be written.
    """
    options = options or AnnotateOptions()
    _check_paths(source, target)
    typestore = emotion_typestore()
    with BagReader(source, typestore) as reader:
        topic = reader.image_topic(options.topic).name
        reader.tell_choice(options.topic)
        _check_topics(reader, source, options)
        with BagWriter(
            target, storage_of(source), typestore, overwrite=options.overwrite
        ) as writer:
            report = _Copy(reader, writer, pipeline, options, topic).run(on_image)
            if not report.images:
                raise BagError(
                    f'Bag {source} has no usable image on {topic}: {report.first_problem}'
                )
    return report


class _Copy:
    """One bag being copied."""

    def __init__(
        self,
        reader: BagReader,
        writer: BagWriter,
        pipeline: EmotionPipeline,
        options: AnnotateOptions,
        topic: str,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._typestore = writer.typestore
        self._pipeline = pipeline
        self._options = options
        self._report = AnnotateReport(topic, foreign_topics=reader.foreign_topics)
        self._copies = {c.id: writer.copy_topic(c) for c in reader.connections}
        self._emotions = writer.add_topic(options.output_topic, FACE_ARRAY_TYPE)
        self._overlay = self._add_overlay_topic()

    def run(self, on_image: ImageHandler) -> AnnotateReport:
        for connection, record_ns, data in self._reader.messages():
            self._writer.write(self._copies[connection.id], record_ns, data)
            self._report.messages += 1
            if connection.topic == self._report.topic and connection.msgtype in IMAGE_TYPES:
                on_image(*self._process(connection, record_ns, data))
        self._check_count()
        return self._report

    def _check_count(self) -> None:
        """A copy that lacks messages must not look like a whole one."""
        stated = sum(topic.count for topic in self._reader.topics)
        if self._report.messages < stated:
            raise BagError(
                f'Only {self._report.messages} of the {stated} messages that the bag states could '
                'be read, so no copy was made: repair it with `ros2 bag reindex` or `mcap recover`.'
            )

    def _process(
        self, connection: Connection, record_ns: int, data: bytes
    ) -> tuple[Frame | None, list[Face]]:
        """Writes what belongs to one image; without a frame when it is damaged."""
        try:
            bag_image = self._reader.image(connection, record_ns, data)
            image = bag_image.decode()
        except (BagError, ImageFormatError) as error:
            self._report.bad_images += 1
            self._report.first_problem = self._report.first_problem or str(error)
            return None, []
        frame = Frame(image, bag_image.stamp_ns or record_ns, self._report.images)
        faces = self._pipeline.process(image, frame.stamp_ns)
        self._write_emotions(bag_image, image, faces)
        if self._overlay is not None:
            self._write_overlay(
                self._overlay, bag_image, draw_faces(image, faces, self._options.style)
            )
        self._report.images += 1
        return frame, faces

    def _write_emotions(self, source: BagImage, image: BgrImage, faces: list[Face]) -> None:
        height, width = image.shape[:2]
        header = source.message.header
        message = face_array_message(self._typestore, header, width, height, faces)
        self._write(self._emotions, source.record_ns, message, FACE_ARRAY_TYPE)

    def _write_overlay(self, connection: Connection, source: BagImage, image: BgrImage) -> None:
        header = source.message.header
        if self._options.compressed:
            quality = self._options.jpeg_quality
            message = compressed_image_message(self._typestore, header, image, quality)
        else:
            message = image_message(self._typestore, header, image)
        self._write(connection, source.record_ns, message, self._overlay_type)

    @property
    def _overlay_type(self) -> str:
        return COMPRESSED_IMAGE_TYPE if self._options.compressed else IMAGE_TYPE

    def _add_overlay_topic(self) -> Connection | None:
        if not self._options.overlay:
            return None
        return self._writer.add_topic(self._options.overlay_topic, self._overlay_type)

    def _write(self, connection: Connection, record_ns: int, message: Any, kind: str) -> None:
        self._writer.write(connection, record_ns, self._typestore.serialize_cdr(message, kind))


def _check_paths(source: Path, target: Path) -> None:
    if source.suffix.lower() == '.bag' and source.is_file():
        raise BagError(
            f'{source} is a ROS 1 bag: convert it first with '
            f'`rosbags-convert --src {source} --dst {source.with_suffix("")}`.'
        )
    copy, original = target.resolve(), source.resolve()
    if source.is_dir() and original in copy.parents:
        raise BagError(f'{target} lies inside the bag {source}: choose a folder outside of it.')
    if copy == original or copy in original.parents:
        raise BagError(f'{target} holds the bag {source} itself: choose another folder.')


def _check_topics(reader: BagReader, source: Path, options: AnnotateOptions) -> None:
    there = {topic.name for topic in reader.topics}
    added = [options.output_topic, *([options.overlay_topic] if options.overlay else [])]
    for name in added:
        if name in there:
            raise BagError(
                f'Bag {source} has the topic {name} already: '
                'choose another with --output-topic, for example /emotions_again.'
            )
