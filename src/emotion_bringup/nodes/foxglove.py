"""Shows images, annotations, results and diagnostics in Foxglove, and records them to MCAP."""

from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import Executor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage

from emotion_bringup import diagnostics, qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import faces_from_message, image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_ERROR, EXIT_OK
from emotion_bringup.image_subscription import ImageMessage
from emotion_bringup.paired_images import PairedImages
from emotion_bringup.parameter_tables import FOXGLOVE_PARAMETERS, REPLAY
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.drawing.blur import blur_faces
from emotion_perception.encodings import encode_jpeg
from emotion_perception.errors import EmotionPerceptionError, OutputError
from emotion_viewers.foxglove.channels import EmotionChannels
from emotion_viewers.foxglove.recorder import McapRecorder
from emotion_viewers.foxglove.server import FoxgloveServer

_WARN_PERIOD_S = 5.0
# Images that Foxglove reads as they are, by their first bytes.
_PASSED_ON = {b'\xff\xd8\xff': 'jpeg', b'\x89PNG': 'png'}


class FoxgloveNode(CheckedParameters, Node):
    """Listens only to what a viewer reads; a recording reads everything."""

    def __init__(self, stop: Stop) -> None:
        """Declares parameters, opens the recording and the server.

        Args:
            stop: Ends the process; not used, the node runs until it is stopped.

        Raises:
            EmotionPerceptionError: foxglove-sdk is missing, a parameter is unusable, the port is
                taken, or the recording cannot be written.
        """
        super().__init__('foxglove_node')
        declare_parameters(self, FOXGLOVE_PARAMETERS)
        self.exit_code = EXIT_OK
        self._is_closed = False
        self._recorder: McapRecorder | None = None
        self._jpeg_quality: int = value_of(self, 'jpeg_quality')
        self._statistics = StreamStatistics()
        self._newest_ns: int | None = None
        self._diagnostics_subscription: Any = None
        self._channels = EmotionChannels()
        self._input = PairedImages(self, self._on_pair, self._on_result)
        # Viewers come and go in threads of the server; the executor's thread does what follows.
        self._demand = self.create_guard_condition(self._update_subscriptions)
        self._server = self._make_server()
        self._recorder = self._make_recorder()
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'foxglove', self._report)
        self._update_subscriptions()
        if self.url:
            self.get_logger().info(f'Foxglove: open the connection {self.url}.')

    @property
    def url(self) -> str:
        """Address of the server; empty when there is none."""
        return self._server.url if self._server is not None else ''

    def drain(self, executor: Executor) -> None:
        """Records what is still on its way, so that a recording ends with its last frame."""
        if self._recorder is not None and value_of(self, 'mode') == REPLAY:
            self._input.drain(executor)

    def close(self) -> None:
        """Ends all connections and finishes the recording."""
        self._is_closed = True
        if self._server is not None:
            self._server.stop()
        self._finish_recording()

    def _make_recorder(self) -> McapRecorder | None:
        path: str = value_of(self, 'mcap_path')
        try:
            return McapRecorder(Path(path).expanduser(), self._channels) if path else None
        except EmotionPerceptionError:
            self.close()
            raise

    def _make_server(self) -> FoxgloveServer | None:
        if not value_of(self, 'serve'):
            return None
        address, port = value_of(self, 'address'), value_of(self, 'port')
        return FoxgloveServer(self._channels, address, port, self._on_demand)

    def _on_demand(self) -> None:
        if not self._is_closed:
            self._demand.trigger()

    def _update_subscriptions(self) -> None:
        """Listens only while somebody reads: images that nobody sees cost nothing."""
        images = self._channels.wants_images
        self._input.listen(results=self._channels.wants_results, images=images)
        if self._channels.wants_diagnostics != (self._diagnostics_subscription is not None):
            self._switch_diagnostics()

    def _switch_diagnostics(self) -> None:
        if self._diagnostics_subscription is not None:
            self.destroy_subscription(self._diagnostics_subscription)
            self._diagnostics_subscription = None
            forget_destroyed(self)
            return
        self._diagnostics_subscription = self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS, raw=True
        )

    def _on_pair(self, image: ImageMessage, emotions: FaceEmotionArray) -> None:
        stamp_ns = stamp_to_ns(image.header.stamp)
        try:
            data, format = self._jpeg_of(image, emotions)
            self._channels.log_image(stamp_ns, image.header.frame_id, data, format)
            self._statistics.image_used()
        except EmotionPerceptionError as error:
            self._statistics.leave_out(str(error))
            self.get_logger().warning(str(error), throttle_duration_sec=_WARN_PERIOD_S)

    def _jpeg_of(self, message: ImageMessage, emotions: FaceEmotionArray) -> tuple[bytes, str]:
        """The bytes and the format of an image file."""
        blur = value_of(self, 'blur_faces')
        if isinstance(message, CompressedImage) and not blur:
            data = bytes(message.data)
            for start, format in _PASSED_ON.items():
                if data.startswith(start) and 'compressed rgb' not in message.format:
                    return data, format
        image = image_from_message(message)
        if blur:
            image = image.copy()
            blur_faces(image, [face.box for face in faces_from_message(emotions)])
        return encode_jpeg(image, self._jpeg_quality).tobytes(), 'jpeg'

    def _on_result(self, message: FaceEmotionArray) -> None:
        header, stamp_ns = message.header, stamp_to_ns(message.header.stamp)
        faces = faces_from_message(message)
        width, height = message.image_width, message.image_height
        self._channels.log_results(stamp_ns, header.frame_id, width, height, faces)
        self._newest_ns = stamp_ns
        self._statistics.add(self._now_ns(), stamp_ns)
        self._check_recording()

    def _on_diagnostics(self, data: bytes) -> None:
        """Diagnostics get the time of the images: a bag's are old, and there is one time axis."""
        if self._newest_ns is not None:
            self._channels.log_diagnostics(self._newest_ns, data)
        elif self._recorder is None:
            self._channels.log_diagnostics(self._now_ns(), data)

    def _check_recording(self) -> None:
        """A full disk ends the recording, not the view."""
        if self._recorder is not None and self._recorder.has_failed:
            self._finish_recording()
            self._update_subscriptions()

    def _finish_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        try:
            recorder.close()
            frames, path = recorder.frames, recorder.path
            self.get_logger().info(f'{frames} frames in {path}{self._input.rest}.')
        except OutputError as error:
            self.exit_code = EXIT_ERROR
            self.get_logger().error(str(error))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        self._update_subscriptions()
        self._input.forget_unmatched()
        self._statistics.dropped = self._input.dropped
        values = {
            **diagnostics.stream_values(self._statistics, self._now_ns()),
            'address': self.url or 'none',
            'recording': str(self._recorder.path) if self._recorder is not None else 'none',
        }
        if not self._input.is_listening:
            return diagnostics.OK, 'Idle: nobody watches', values
        return diagnostics.health(self._statistics, values)
