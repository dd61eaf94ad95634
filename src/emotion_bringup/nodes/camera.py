"""Publishes the images of a camera, stream, file, folder, bag or the demo clip."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from emotion_bringup import diagnostics, qos
from emotion_bringup.conversion import (
    compressed_message,
    fill_image_message,
    ns_to_stamp,
    stamp_to_ns,
)
from emotion_bringup.endings import EXIT_ERROR, EXIT_OK
from emotion_bringup.flow_control import InFlight
from emotion_bringup.frame_count_file import write_count
from emotion_bringup.graph import EMOTIONS
from emotion_bringup.parameter_tables import CAMERA_PARAMETERS, REPLAY
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.publisher_wait import PublisherWait
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.address import shown_source
from emotion_perception.errors import EmotionPerceptionError, SourceError
from emotion_perception.heads.calibration import CameraCalibration
from emotion_perception.sources import (
    FrameSource,
    Reconnecting,
    SourceOptions,
    is_live,
    open_source,
    paced,
)
from emotion_perception.sources.camera_info import read_calibration
from emotion_perception.sources.playback import PlaybackClock
from emotion_perception.types import Frame

_THREAD_JOIN_S = 5.0
# How long the last frames of a file may take to reach their readers before the process ends.
_ACKNOWLEDGE_S = 30.0
_POLL_S = 0.02
_RESULT_TIMEOUT_S = 10.0
# How long a file waits for readers that have gone; DDS looks for others every three seconds.
_RETURN_TIMEOUT_S = 60.0
# Where a whole session ends, its nodes do so within seconds, and none is missed.
_TELL_AFTER_S = 5.0
# A camera that gives nothing for so long, without an error of its driver, hangs.
_SILENCE_S = 5.0


def _share_folder(package: str) -> Path:
    """The share folder of a ROS package.

    Raises:
        LookupError: It is not installed, or its name cannot be that of a package.
        SourceError: No workspace is sourced.
    """
    try:
        return Path(get_package_share_directory(package))
    except ValueError as error:
        raise LookupError(package) from error
    except OSError as error:
        raise SourceError(
            f'camera_info_url names the package {package!r}, and AMENT_PREFIX_PATH is not set: '
            'source the setup file of its workspace, or use file:///path/to/calibration.yaml.'
        ) from error


class CameraNode(CheckedParameters, Node):
    """Reads frames in a thread of its own and publishes them as they come."""

    def __init__(self, stop: Stop) -> None:
        """Declares parameters, opens the source and starts capturing.

        Args:
            stop: Ends the process; called at the end of a finite source.

        Raises:
            EmotionPerceptionError: A parameter, the calibration or the source is unusable.
        """
        super().__init__('camera_node')
        declare_parameters(self, CAMERA_PARAMETERS)
        self.exit_code = EXIT_OK
        self._stop_process = stop
        self._stopping = threading.Event()
        self._mode: str = value_of(self, 'mode')
        self._frame_id: str = value_of(self, 'frame_id')
        self._statistics = StreamStatistics()
        self._problem = ''
        self._last_frame_s = time.monotonic()
        self._calibration = self._read_calibration()
        self._size_checked = False
        self._does_without_readers = False
        self._message = Image()
        self._in_flight = self._make_flow_control()
        self._make_publishers()
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'capture', self._report)
        self._source = self._open_source()
        self._thread = threading.Thread(target=self._capture, name='capture', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops capturing and frees the device."""
        self._stopping.set()
        self._source.close()
        self._thread.join(_THREAD_JOIN_S)

    def _make_publishers(self) -> None:
        override = qos.overridable()
        self._image_publisher = self.create_publisher(
            Image, 'image_raw', qos.image_out(self._mode), qos_overriding_options=override
        )
        self._info_publisher = self.create_publisher(
            CameraInfo, 'camera_info', qos.camera_info(self._mode), qos_overriding_options=override
        )
        self._compressed_publisher = None
        if value_of(self, 'publish_compressed'):
            self._compressed_publisher = self.create_publisher(
                CompressedImage,
                'image_raw/compressed',
                qos.image_out(self._mode),
                qos_overriding_options=override,
            )
        self._jpeg_quality: int = value_of(self, 'jpeg_quality')

    def _make_flow_control(self) -> InFlight:
        limit: int = value_of(self, 'max_in_flight')
        in_flight = InFlight(limit)

        def on_emotions(message: FaceEmotionArray) -> None:
            in_flight.acknowledged(stamp_to_ns(message.header.stamp))

        def subscribe() -> None:
            profile = qos.emotions(self._mode)
            self.create_subscription(FaceEmotionArray, EMOTIONS, on_emotions, profile)

        if limit and value_of(self, 'wait_for_subscribers'):
            PublisherWait(self, EMOTIONS, subscribe)
        elif limit:
            subscribe()
        return in_flight

    def _read_calibration(self) -> CameraCalibration:
        return read_calibration(
            value_of(self, 'camera_info_url'),
            camera_name=value_of(self, 'camera_name'),
            resolve_package=_share_folder,
        )

    def _open_source(self) -> FrameSource:
        spec: str = value_of(self, 'video_device')
        options = SourceOptions(
            frame_rate=value_of(self, 'framerate'),
            width=value_of(self, 'image_width'),
            height=value_of(self, 'image_height'),
            pixel_format=value_of(self, 'pixel_format'),
            loop=value_of(self, 'loop'),
            topic=value_of(self, 'image_topic'),
        )
        if not is_live(spec):
            return open_source(spec, options)
        return Reconnecting(
            lambda: open_source(spec, options),
            name=shown_source(spec),
            stop=self._stopping,
            on_lost=self._on_lost,
            on_recovered=self._on_recovered,
        )

    def _on_lost(self, error: SourceError, delay_s: float) -> None:
        self._problem = str(error)
        self.get_logger().warning(f'{error} Trying again in {delay_s:g} s.')

    def _on_recovered(self) -> None:
        self._problem = ''
        self.get_logger().info('The camera is back.')

    def _capture(self) -> None:
        try:
            self._wait_for_subscribers()
            for frame, stamp_ns in self._stamped_frames():
                self._publish(frame, stamp_ns)
            self._acknowledge()
            write_count(self._statistics.frames)
            if not self._stopping.is_set():
                self.get_logger().info(
                    f'End of {self._source.name}: {self._statistics.frames} frames published.'
                )
        except EmotionPerceptionError as error:
            self.exit_code = EXIT_ERROR
            self.get_logger().error(str(error))
        except Exception as error:  # a thread's traceback would leave a silent node behind
            if not self._stopping.is_set():
                self.exit_code = EXIT_ERROR
                self.get_logger().error(f'Capture failed: {type(error).__name__}: {error}')
        finally:
            self._stop_process()

    def _wait_for_subscribers(self) -> None:
        wanted: int = value_of(self, 'wait_for_subscribers')
        if not wanted or self._does_without_readers:
            return
        image, info = self._image_publisher, self._info_publisher
        began_s = time.monotonic()
        while (there := image.get_subscription_count()) < wanted or not (
            info.get_subscription_count()
        ):
            if self._statistics.frames:  # before the first frame, nodes are starting
                gone_s = time.monotonic() - began_s
                if gone_s > _TELL_AFTER_S:
                    self._tell_readers_have_gone(there, wanted)
                if gone_s > _RETURN_TIMEOUT_S:
                    self._does_without_readers = True
                    self.get_logger().warning('They have not come back: going on without them.')
                    return
            if self._stopping.wait(_POLL_S):
                return

    def _tell_readers_have_gone(self, there: int, wanted: int) -> None:
        self.get_logger().warning(
            f'Readers have gone: {there} of {wanted} are there; waiting up to '
            f'{_RETURN_TIMEOUT_S:g} s for the others.',
            throttle_duration_sec=_RESULT_TIMEOUT_S,
        )

    def _stamped_frames(self) -> Iterator[tuple[Frame, int]]:
        timeline = PlaybackClock(self._source, keeps_up=self._mode != REPLAY)
        for frame in paced(self._source, self._stopping):
            if self._mode == REPLAY:
                # Readers that have forgotten a process which stood still find it again.
                self._wait_for_subscribers()
            if not self._in_flight.wait(_RESULT_TIMEOUT_S, self._stopping):
                self._report_no_result()
            if self._stopping.is_set():
                return
            yield frame, timeline.stamp(frame, self._now_ns())

    def _report_no_result(self) -> None:
        self.get_logger().warning(
            f'No result on emotions for {_RESULT_TIMEOUT_S:g} s: going on without.',
            throttle_duration_sec=_RESULT_TIMEOUT_S,
        )

    def _publish(self, frame: Frame, stamp_ns: int) -> None:
        self._last_frame_s = time.monotonic()
        header = Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame.frame_id or self._frame_id)
        self._publish_reliably(self._info_publisher, self._camera_info(frame, header))
        if self._image_publisher.get_subscription_count():
            self._in_flight.published(stamp_ns)
            fill_image_message(self._message, frame.image, header)
            self._publish_reliably(self._image_publisher, self._message)
        compressed = self._compressed_publisher
        if compressed is not None and compressed.get_subscription_count():
            self._publish_reliably(
                compressed, compressed_message(frame.image, header, self._jpeg_quality)
            )
        self._statistics.add(self._now_ns(), stamp_ns)

    def _publish_reliably(self, publisher: Any, message: Any) -> None:
        """In replay mode a full queue makes `publish` fail after a while: then it waits on."""
        while not self._stopping.is_set():
            try:
                publisher.publish(message)
                return
            except rclpy_implementation.RCLError:
                if self._mode != REPLAY:
                    raise

    def _camera_info(self, frame: Frame, header: Header) -> CameraInfo:
        height, width = frame.image.shape[:2]
        calibration = self._calibration
        if not self._size_checked:
            self._size_checked = True
            warning = calibration.size_warning(width, height)
            if warning:
                self.get_logger().warning(warning)
        return CameraInfo(
            header=header,
            width=width,
            height=height,
            distortion_model=calibration.distortion_model,
            d=calibration.d,
            k=calibration.k,
            r=calibration.r,
            p=calibration.p,
        )

    def _acknowledge(self) -> None:
        """A writer that ends takes what its readers have not received yet with it.

        A reader of the results that ends may be the last one, for whom the frames are looked at.
        """
        if self._mode == REPLAY and not self._stopping.is_set():
            for publisher in (self._image_publisher, self._info_publisher):
                publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGE_S))
            if not self._in_flight.wait_for_all(_RESULT_TIMEOUT_S, self._stopping):
                self._report_no_result()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _silence(self, silence_s: float) -> str:
        return (
            f'{self._source.name} has given no frame for {silence_s:.0f} s: check its cable or '
            'network, or restart it.'
        )

    def _report(self) -> diagnostics.Report:
        now_ns = self._now_ns()
        values = diagnostics.stream_values(self._statistics, now_ns)
        values['source'] = self._source.name
        self._statistics.dropped = self._source.skipped
        if self._problem:
            return diagnostics.ERROR, self._problem, values
        silence_s = time.monotonic() - self._last_frame_s
        if self._source.live and silence_s > _SILENCE_S:
            return diagnostics.WARN, self._silence(silence_s), values
        if not self._image_publisher.get_subscription_count():
            return diagnostics.OK, 'Idle: nobody subscribes', values
        return diagnostics.OK, f'{values["rate (Hz)"]} frames per second', values
