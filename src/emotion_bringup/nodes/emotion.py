"""Finds the faces in every image and their emotions."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import Empty

from emotion_bringup import diagnostics, qos
from emotion_bringup.blocking_publisher import BlockingPublisher
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.camera_info_subscription import CameraInfoSubscription
from emotion_bringup.conversion import emotions_message, image_from_message, stamp_to_ns
from emotion_bringup.depth_subscription import DepthSubscription
from emotion_bringup.endings import EXIT_ERROR, EXIT_OK, EXIT_USAGE
from emotion_bringup.environment import as_written
from emotion_bringup.graph import EMOTIONS, FULL_SEARCH
from emotion_bringup.image_subscription import ImageMessage, ImageSubscription
from emotion_bringup.image_watch import ImageWatch
from emotion_bringup.interop.detection_topics import DetectionTopics
from emotion_bringup.interop.head_frames import HeadFrames
from emotion_bringup.networks import networks_of
from emotion_bringup.parameter_tables import EMOTION_PARAMETERS, LIVE, REPLAY
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.running import Stop
from emotion_bringup.shared_networks import SharedNetworks, TooBusyError
from emotion_bringup.shared_topic import SharedTopicWatch
from emotion_bringup.stamp_check import StampCheck
from emotion_bringup.starting import first_line
from emotion_bringup.statistics import LossCounter, StreamStatistics
from emotion_msgs.msg import EmotionLabels, FaceEmotionArray
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.heads.depth import DepthPlacement
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.settings.tables import search_interval

_SETTINGS = tuple(PipelineSettings.__dataclass_fields__)
# One warning for a stream of bad frames, then at most one in this time.
_WARN_PERIOD_S = 5.0
_IMAGES_MIX = (
    'their images mix, and so do the faces that are tracked. End one of them, or remap the topic '
    '`image`.'
)
_RESULTS_MIX = (
    'who listens gets the results of all of them. End one, or give it a namespace or another topic.'
)


class EmotionNode(CheckedParameters, LifecycleNode):
    """Lifecycle node around the pipeline; configures and activates itself unless told not to."""

    def __init__(self, stop: Stop, networks: SharedNetworks | None = None, **options: Any) -> None:
        """Declares parameters and, with `autostart`, becomes active.

        Args:
            stop: Ends the process.
            networks: Where its networks are, if other nodes of this process use them too.
            options: Of `rclpy.node.Node`, such as `namespace`.

        Raises:
            EmotionPerceptionError: A parameter is unusable.
        """
        super().__init__('emotion_node', **options)
        self._networks = networks
        declare_parameters(self, EMOTION_PARAMETERS)
        self.exit_code = EXIT_OK
        self._refused_with = EXIT_ERROR
        self._mode: str = value_of(self, 'mode')
        self._min_subscribers: int = value_of(self, 'min_subscribers')
        self._pipeline: EmotionPipeline | None = None
        self._publisher: Any = None
        self._labels_publisher: Any = None
        self._full_search_publisher: Any = None
        self._statistics = StreamStatistics()
        self._losses = LossCounter()
        self._stamps = StampCheck(self.get_logger())
        self._blocking_publisher = BlockingPublisher(self)
        self._active = False
        self._detections = DetectionTopics(self, self._update_subscriptions)
        self._frames = HeadFrames(
            self, self._update_subscriptions, is_one_of_several=networks is not None
        )
        self._images = ImageSubscription(
            self, self._on_image, self._warn_of_fallback, self._on_publishers
        )
        self._topic = self._images.topic
        self._camera_info = CameraInfoSubscription(self, self._topic)
        self._depth = DepthSubscription(self)
        self._placement = DepthPlacement()
        self._watch = ImageWatch(
            self, self._topic, self._images.type_name, value_of(self, 'image_timeout')
        )
        self._sharing = [
            SharedTopicWatch(self, self._topic, _IMAGES_MIX),
            SharedTopicWatch(self, self.resolve_topic_name(EMOTIONS), _RESULTS_MIX),
        ]
        self.add_post_set_parameters_callback(self._apply_settings)
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'emotions', self._report)
        if value_of(self, 'autostart'):
            self._autostart(stop)

    @property
    def is_configured(self) -> bool:
        """Whether the model is loaded; before, its parameters may change."""
        return self._pipeline is not None

    def close(self) -> None:
        """Nothing outlives the node: sessions are freed with it."""
        self._images.stop()
        self._camera_info.listen(False)
        self._depth.listen(False)
        self._close_pipeline()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads detector and classifier and announces the labels."""
        try:
            self._pipeline = self._make_pipeline()
            self._make_publishers()
            self._detections.open(self._pipeline.classifier.manifest.labels)
            self._frames.open()
        except EmotionPerceptionError as error:
            return self._refuse_to_configure(str(error), EXIT_USAGE)
        except Exception as error:  # rclpy would end the transition without a word
            return self._refuse_to_configure(f'{type(error).__name__}: {error}', EXIT_ERROR)
        self._announce_labels(self._pipeline.classifier)
        self.get_logger().info(
            f'{self._pipeline.classifier.manifest.name} on {self._pipeline.classifier.provider}, '
            f'detector {self._pipeline.detector.name}, images from {self._topic} ({self._mode}).'
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to process images."""
        result = super().on_activate(state)
        self._active = True
        if self._pipeline:
            self._pipeline.reset()
        try:
            self._update_subscriptions()
        except Exception as error:  # rclpy would end the transition without a word
            self._active = False
            return self._refuse(f'{type(error).__name__}: {first_line(error)}', EXIT_ERROR)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops listening; models stay loaded."""
        self._active = False
        self._images.stop()
        self._camera_info.listen(False)
        self._depth.listen(False)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees models and publishers."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees everything, from any state."""
        self._active = False
        self._release()
        return super().on_shutdown(state)

    def _autostart(self, stop: Stop) -> None:
        configured = self.trigger_configure() == TransitionCallbackReturn.SUCCESS
        if configured and self.trigger_activate() == TransitionCallbackReturn.SUCCESS:
            return
        # A manager may correct what was refused later on; here the process ends with it.
        self.exit_code = self._refused_with
        stop()

    def _refuse_to_configure(self, cause: str, exit_code: int) -> TransitionCallbackReturn:
        self._release()
        return self._refuse(cause, exit_code)

    def _refuse(self, cause: str, exit_code: int) -> TransitionCallbackReturn:
        self._refused_with = exit_code
        self.get_logger().error(as_written(cause))
        return TransitionCallbackReturn.FAILURE

    def _make_pipeline(self) -> EmotionPipeline:
        load = self._networks.load if self._networks is not None else networks_of
        return EmotionPipeline(
            load(self),
            self._settings(),
            in_background=self._mode == LIVE,
            search_turns=None if self._networks is None else self._networks.search_turns,
        )

    def _settings(self) -> PipelineSettings:
        values = {name: value_of(self, name) for name in _SETTINGS}
        values['detect_every_n'] = search_interval(
            values['detect_every_n'], live=self._mode == LIVE, blurred=self._is_blurred()
        )
        return PipelineSettings(**values)

    def _is_blurred(self) -> bool:
        """Whether a node hides the faces that are found here."""
        publisher = self._full_search_publisher
        return publisher is not None and publisher.get_subscription_count() > 0

    def _follow_blurring(self) -> None:
        if self._pipeline:
            self._pipeline.settings = self._settings()

    def _apply_settings(self, changes: list[RosParameter]) -> None:
        # One assignment: a frame sees all values of a change or none.
        if self._pipeline and any(change.name in _SETTINGS for change in changes):
            self._pipeline.settings = self._settings()
            self._detections.announce()
            self._update_subscriptions()

    def _make_publishers(self) -> None:
        self._publisher = self.create_lifecycle_publisher(
            FaceEmotionArray,
            EMOTIONS,
            qos.emotions(self._mode),
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._update_subscriptions()),
            qos_overriding_options=qos.overridable(),
        )
        # Not a lifecycle publisher: the labels are announced before the node is active.
        self._labels_publisher = self.create_publisher(EmotionLabels, 'emotions/labels', qos.LABELS)
        # Nothing is published there: to subscribe is to ask for it.
        self._full_search_publisher = self.create_publisher(
            Empty,
            FULL_SEARCH,
            qos.FULL_SEARCH,
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._follow_blurring()),
        )

    def _announce_labels(self, classifier: EmotionClassifier) -> None:
        manifest = classifier.manifest
        message = EmotionLabels(
            names=list(manifest.labels),
            model_name=manifest.name,
            model_sha256=manifest.sha256,
            label_set=classifier.label_set,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._labels_publisher.publish(message)

    def _update_subscriptions(self) -> None:
        """Listens to images only while somebody wants the results."""
        listeners = (
            self._publisher.get_subscription_count(),
            self._detections.subscribers,
            self._frames.subscribers,
        )
        wanted = self._active and max(listeners) >= self._min_subscribers
        if wanted and not self._images.is_listening:
            self._start_listening()
        elif not wanted:
            self._images.stop()
        wants_heads = self._pipeline is not None and self._pipeline.settings.wants_heads
        self._camera_info.listen(wanted and wants_heads)
        self._depth.listen(wanted and wants_heads and value_of(self, 'use_depth'))

    def _start_listening(self) -> None:
        self._follow_blurring()
        self._watch.restart(time.monotonic_ns())
        self._stamps.restart()
        # A new subscription starts a new count: what was sent while nobody listened is not lost.
        self._losses = LossCounter()
        self._images.start()

    def _on_publishers(self) -> None:
        self._losses.publishers_changed()

    def _warn_of_fallback(self) -> None:
        self.get_logger().warning(
            f'A publisher of {self._topic} does not offer the reliability asked for: '
            'listening best effort, images may be lost.'
        )

    def _close_pipeline(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
        self._pipeline = None

    def _release(self) -> None:
        self._images.stop()
        self._camera_info.listen(False)
        self._depth.listen(False)
        self._close_pipeline()
        if self._publisher is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self.destroy_publisher(self._labels_publisher)
            self.destroy_publisher(self._full_search_publisher)
        self._publisher = self._labels_publisher = self._full_search_publisher = None
        self._detections.close()
        self._frames.close()
        forget_destroyed(self)

    def _on_image(self, message: ImageMessage, info: Mapping[str, Any]) -> None:
        self._statistics.note_losses(self._losses.missed(info, self._images.publishers))
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._is_leftover(stamp_ns):
            self._watch.repeated()
            return
        self._watch.arrived(time.monotonic_ns())
        try:
            self._process(message, stamp_ns)
        except TooBusyError:
            self._statistics.note_losses(1)
        except EmotionPerceptionError as error:
            self._leave_out(str(error))
        except Exception as error:  # one bad frame must never end a robot's perception
            self._leave_out(f'{type(error).__name__}: {error}')

    def _is_leftover(self, stamp_ns: int) -> bool:
        """Whether this is the last image of a live camera again; a bag's images all count."""
        if self._mode == REPLAY:
            self._stamps.is_repeated(stamp_ns, 'both are processed')
            return False
        return self._stamps.is_repeated(stamp_ns, 'the second one is left out')

    def _process(self, message: ImageMessage, stamp_ns: int) -> None:
        assert self._pipeline is not None
        now_ns = self._now_ns()
        image = image_from_message(message)
        height, width = image.shape[:2]
        if self._pipeline.settings.wants_heads:
            self._pipeline.camera = self._camera_info.calibration(width, height)
        with self._turn():
            faces = self._pipeline.process(image, stamp_ns or now_ns)
        if self._depth.is_listening:
            faces = self._placement.place(faces, self._depth.image(stamp_ns, width, height))
        result = emotions_message(message.header, width, height, faces)
        self._blocking_publisher.publish(self._publisher, result)
        self._detections.publish(message.header, width, height, faces)
        self._frames.publish(message.header, faces)
        self._statistics.image_used()
        self._statistics.add(self._now_ns(), stamp_ns or now_ns)

    def _turn(self) -> AbstractContextManager[None]:
        """In turn with the other cameras of this process."""
        if self._networks is None:
            return nullcontext()
        return self._networks.turn(is_live=self._mode == LIVE)

    def _leave_out(self, cause: str) -> None:
        # Throttled per line of code: one kind of warning must not keep another one back.
        self._statistics.leave_out(cause)
        self.get_logger().warning(f'Image left out: {cause}', throttle_duration_sec=_WARN_PERIOD_S)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        values = diagnostics.stream_values(self._statistics, self._now_ns())
        if self._pipeline is None:
            return diagnostics.OK, 'Not configured', values
        values['uncounted frames'] = str(self._statistics.uncounted)
        values['execution provider'] = self._pipeline.classifier.provider
        values['detector'] = self._pipeline.detector.name
        values['model'] = self._pipeline.classifier.manifest.name
        values['labels'] = self._pipeline.classifier.label_set
        if self._depth.is_listening:
            values['images without depth'] = str(self._depth.unmatched)
        if not self._active:
            return diagnostics.OK, 'Inactive', values
        self._update_subscriptions()
        if not self._images.is_listening:
            return diagnostics.OK, 'Idle: nobody subscribes', values
        silence = self._watch.silence(time.monotonic_ns())
        problem = silence or ' '.join(filter(None, (each.problem() for each in self._sharing)))
        report = diagnostics.health(self._statistics, values)
        is_well = report[0] == diagnostics.OK
        return (diagnostics.WARN, problem, values) if problem and is_well else report
