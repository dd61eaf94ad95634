"""Draws the results of the emotion node onto the images they belong to."""

from pathlib import Path

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from sensor_msgs.msg import CompressedImage, Image

from emotion_bringup import diagnostics, qos
from emotion_bringup.conversion import (
    compressed_message,
    faces_from_message,
    fill_image_message,
    image_from_message,
    stamp_to_ns,
)
from emotion_bringup.endings import EXIT_ERROR, EXIT_OK
from emotion_bringup.image_subscription import ImageMessage
from emotion_bringup.paired_images import PairedImages
from emotion_bringup.parameter_tables import DRAW_PEOPLE, LIVE, OVERLAY_PARAMETERS, REPLAY
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.people_subscription import PeopleSubscription
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.drawing import OverlayStyle, draw_faces
from emotion_perception.errors import EmotionPerceptionError, OutputError
from emotion_perception.outputs.recording import LIVE_GAP_S, LONGEST_GAP_S, VideoRecorder
from emotion_perception.outputs.window import Window
from emotion_perception.types import BgrImage

_WARN_PERIOD_S = 5.0


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
        self._jpeg_quality: int = value_of(self, 'jpeg_quality')
        self._window = Window() if value_of(self, 'show_window') else None
        self._recorder = self._make_recorder()
        self._statistics = StreamStatistics()
        self._input = PairedImages(self, self._draw)
        self._people = PeopleSubscription(self)
        self._message = Image()
        self._style = self._read_style()
        self.add_post_set_parameters_callback(self._restyle)
        self._make_publishers()
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'overlay', self._report)
        self._update_subscriptions()

    def drain(self, executor: Executor) -> None:
        """Draws what is still on its way, so that a video ends with its last frame."""
        if self._recorder is not None and value_of(self, 'mode') == REPLAY:
            self._input.drain(executor)

    def close(self) -> None:
        """Finishes the video and closes the window."""
        if self._window is not None:
            self._window.close()
        self._finish_video()

    def _make_recorder(self) -> VideoRecorder | None:
        path: str = value_of(self, 'video_path')
        if not path:
            return None
        gap = LONGEST_GAP_S if value_of(self, 'mode') == REPLAY else LIVE_GAP_S
        rate = value_of(self, 'video_framerate')
        return VideoRecorder(Path(path).expanduser(), rate, longest_gap_s=gap)

    def _read_style(self) -> OverlayStyle:
        return OverlayStyle(
            bars=value_of(self, 'draw_probabilities'),
            landmarks=value_of(self, 'draw_landmarks'),
            blur=value_of(self, 'blur_faces'),
        )

    def _restyle(self, changes: list[RosParameter]) -> None:
        self._style = self._read_style()
        # Not for others: to subscribe declares parameters, and comes by here.
        if any(change.name == DRAW_PEOPLE.name for change in changes):
            self._update_subscriptions()

    def _make_publishers(self) -> None:
        events = PublisherEventCallbacks(matched=lambda _: self._update_subscriptions())
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

    def _update_subscriptions(self) -> None:
        """Listens only while somebody watches: an overlay that nobody sees costs nothing."""
        watched = self._is_watched()
        self._input.listen(results=watched, images=watched)
        self._people.listen(watched and value_of(self, DRAW_PEOPLE.name))

    def _draw(self, message: ImageMessage, emotions: FaceEmotionArray) -> None:
        try:
            image, faces = image_from_message(message), faces_from_message(emotions)
            stamp_ns = stamp_to_ns(message.header.stamp)
            told = self._people.audience(stamp_ns), self._people.target(stamp_ns, faces)
            self._output(draw_faces(image, faces, self._style, *told), message)
            self._statistics.image_used()
            self._statistics.add(self._now_ns(), stamp_ns)
        except EmotionPerceptionError as error:
            self._statistics.leave_out(str(error))
            self.get_logger().warning(str(error), throttle_duration_sec=_WARN_PERIOD_S)
        except Exception as error:  # one bad frame must never end the overlay
            cause = f'{type(error).__name__}: {error}'
            self._statistics.leave_out(cause)
            self.get_logger().warning(
                f'Image left out after {cause}', throttle_duration_sec=_WARN_PERIOD_S
            )

    def _output(self, image: BgrImage, source: ImageMessage) -> None:
        if self._image_publisher.get_subscription_count():
            fill_image_message(self._message, image, source.header)
            self._image_publisher.publish(self._message)
        if self._compressed_publisher.get_subscription_count():
            self._compressed_publisher.publish(
                compressed_message(image, source.header, self._jpeg_quality)
            )
        self._record(image, stamp_to_ns(source.header.stamp))
        if self._window is not None and not self._window.show(image):
            self._stop_process()

    def _record(self, image: BgrImage, stamp_ns: int) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.write(image, stamp_ns)
        except OutputError as error:
            self._give_up_video(error)

    def _finish_video(self) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.close()
            frames, path = self._recorder.frames, self._recorder.path
            self.get_logger().info(f'{frames} frames in {path}{self._input.rest}.')
        except OutputError as error:
            self._give_up_video(error)
        self._recorder = None

    def _give_up_video(self, error: OutputError) -> None:
        """A full disk ends the video, not the overlay."""
        self._recorder = None
        self.exit_code = EXIT_ERROR
        self.get_logger().error(str(error))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        self._update_subscriptions()
        self._input.forget_unmatched()
        self._statistics.dropped = self._input.dropped
        values = diagnostics.stream_values(self._statistics, self._now_ns())
        if not self._input.is_listening:
            return diagnostics.OK, 'Idle: nobody watches', values
        return diagnostics.health(self._statistics, values)
