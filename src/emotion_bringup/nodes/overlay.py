"""Draws the answers of the emotion node onto the images they belong to."""

import time
from pathlib import Path
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.executors import Executor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from emotion_bringup import diagnostics, qos
from emotion_bringup.conversion import (
    compressed_message,
    faces_from_message,
    fill_image_message,
    image_from_message,
    stamp_to_ns,
)
from emotion_bringup.image_subscription import ImageMessage, ImageSubscription
from emotion_bringup.matching import StampMatcher
from emotion_bringup.parameter_tables import LIVE, OVERLAY_PARAMETERS, REPLAY
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.running import EXIT_ERROR, EXIT_OK, Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.drawing import OverlayStyle, draw_faces
from emotion_perception.errors import EmotionPerceptionError, OutputError
from emotion_perception.recording import VideoRecorder
from emotion_perception.types import BgrImage
from emotion_perception.window import Window

# Live images waiting for their answer: half a second at 30 Hz.
_LIVE_LIMIT = 15
_WARN_PERIOD_S = 5.0
# When stopped, a file's overlay goes on until nothing has come for this long.
_DRAIN_S = 0.5


class OverlayNode(CheckedParameters, Node):
    """Publishes annotated images while somebody watches, and optionally a window or a video."""

    def __init__(self, stop: Stop) -> None:
        """Declares parameters and listens as soon as there is an output.

        Args:
            stop: Ends the process; called when the user closes the window.

        Raises:
            EmotionPerceptionError: A parameter is unusable, or there is no screen for the window.
        """
        super().__init__('overlay_node')
        declare_parameters(self, OVERLAY_PARAMETERS)
        self.exit_code = EXIT_OK
        self._stop_process = stop
        self._mode: str = value_of(self, 'mode')
        self._jpeg_quality: int = value_of(self, 'jpeg_quality')
        self._window = Window() if value_of(self, 'show_window') else None
        self._recorder = self._make_recorder()
        self._statistics = StreamStatistics()
        limit = None if self._mode == REPLAY else _LIVE_LIMIT
        self._matcher: StampMatcher[ImageMessage, FaceEmotionArray] = StampMatcher(limit)
        self._images = ImageSubscription(self, self._on_image)
        self._emotions_subscription: Any = None
        self._received = 0
        self._lonely_reports = 0
        self._message = Image()
        self._style = self._read_style()
        self.add_post_set_parameters_callback(lambda _: self._restyle())
        self._make_publishers()
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'overlay', self._report)
        self._follow_demand()

    def drain(self, executor: Executor) -> None:
        """Draws what is still on its way, so that a video ends with its last frame."""
        if self._recorder is None or self._mode != REPLAY:
            return
        quiet_since, seen = time.monotonic(), self._received
        while time.monotonic() - quiet_since < _DRAIN_S:
            executor.spin_once(timeout_sec=_DRAIN_S)
            if self._received != seen:
                quiet_since, seen = time.monotonic(), self._received

    def close(self) -> None:
        """Finishes the video and closes the window."""
        if self._window is not None:
            self._window.close()
        self._finish_video()

    def _make_recorder(self) -> VideoRecorder | None:
        path: str = value_of(self, 'video_path')
        if not path:
            return None
        return VideoRecorder(Path(path).expanduser(), value_of(self, 'video_framerate'))

    def _read_style(self) -> OverlayStyle:
        return OverlayStyle(
            bars=value_of(self, 'draw_probabilities'),
            landmarks=value_of(self, 'draw_landmarks'),
            blur=value_of(self, 'blur_faces'),
        )

    def _restyle(self) -> None:
        self._style = self._read_style()

    def _make_publishers(self) -> None:
        events = PublisherEventCallbacks(matched=lambda _: self._follow_demand())
        override = qos.overridable()
        self._image_publisher = self.create_publisher(
            Image,
            'emotions/image',
            qos.image_out(LIVE),
            event_callbacks=events,
            qos_overriding_options=override,
        )
        self._compressed_publisher = self.create_publisher(
            CompressedImage,
            'emotions/image/compressed',
            qos.image_out(LIVE),
            event_callbacks=events,
            qos_overriding_options=override,
        )

    def _is_watched(self) -> bool:
        if self._window is not None or self._recorder is not None:
            return True
        publishers = (self._image_publisher, self._compressed_publisher)
        return any(publisher.get_subscription_count() for publisher in publishers)

    def _follow_demand(self) -> None:
        """Listens only while somebody watches: an overlay that nobody sees costs nothing."""
        watched = self._is_watched()
        if watched and not self._images.is_listening:
            self._start_listening()
        elif not watched and self._images.is_listening:
            self._stop_listening()

    def _start_listening(self) -> None:
        self._images.start()
        self._emotions_subscription = self.create_subscription(
            FaceEmotionArray,
            'emotions',
            self._on_emotions,
            qos.emotions(self._mode),
            qos_overriding_options=qos.overridable(),
        )

    def _stop_listening(self) -> None:
        self._images.stop()
        self.destroy_subscription(self._emotions_subscription)
        self._matcher.clear()

    def _on_image(self, message: ImageMessage) -> None:
        self._received += 1
        self._draw(self._matcher.add_left(stamp_to_ns(message.header.stamp), message))

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        self._received += 1
        self._draw(self._matcher.add_right(stamp_to_ns(message.header.stamp), message))

    def _draw(self, pair: tuple[ImageMessage, FaceEmotionArray] | None) -> None:
        if pair is None:
            return
        message, emotions = pair
        try:
            image = image_from_message(message)
            self._output(draw_faces(image, faces_from_message(emotions), self._style), message)
            stamp_ns = stamp_to_ns(message.header.stamp)
            self._statistics.add(self._now_ns(), stamp_ns)
        except EmotionPerceptionError as error:
            self._statistics.bad += 1
            self.get_logger().warning(str(error), throttle_duration_sec=_WARN_PERIOD_S)
        except Exception as error:  # one bad frame must never end the overlay
            self._statistics.bad += 1
            self.get_logger().warning(
                f'Image left out after {type(error).__name__}: {error}',
                throttle_duration_sec=_WARN_PERIOD_S,
            )

    def _output(self, picture: BgrImage, source: ImageMessage) -> None:
        if self._image_publisher.get_subscription_count():
            fill_image_message(self._message, picture, source.header)
            self._image_publisher.publish(self._message)
        if self._compressed_publisher.get_subscription_count():
            self._compressed_publisher.publish(
                compressed_message(picture, source.header, self._jpeg_quality)
            )
        self._record(picture, stamp_to_ns(source.header.stamp))
        if self._window is not None and not self._window.show(picture):
            self._stop_process()

    def _record(self, picture: BgrImage, stamp_ns: int) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.write(picture, stamp_ns)
        except OutputError as error:
            self._give_up_video(error)

    def _finish_video(self) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.close()
            self.get_logger().info(f'{self._recorder.frames} frames in {self._recorder.path}.')
        except OutputError as error:
            self._give_up_video(error)
        self._recorder = None

    def _give_up_video(self, error: OutputError) -> None:
        """A full disk ends the video, not the overlay."""
        self._recorder = None
        self.exit_code = EXIT_ERROR
        self.get_logger().error(str(error))

    def _forget_unanswerable(self) -> None:
        """Without an emotion node images get no answer; they must not fill the memory."""
        subscription = self._emotions_subscription
        is_lonely = self._images.is_listening and not subscription.get_publisher_count()
        # Twice in a row: at the start an image may come before its answerer is discovered.
        self._lonely_reports = self._lonely_reports + 1 if is_lonely else 0
        if self._lonely_reports > 1:
            self._matcher.forget_all()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        self._follow_demand()
        self._forget_unanswerable()
        self._statistics.dropped = self._matcher.dropped
        values = diagnostics.stream_values(self._statistics, self._now_ns())
        if not self._images.is_listening:
            return diagnostics.OK, 'Idle: nobody watches', values
        return diagnostics.OK, f'{values["rate (Hz)"]} frames per second', values
