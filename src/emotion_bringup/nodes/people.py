"""What behaviours react to, made of the results: events, a target, the audience, answers."""

from copy import copy

from builtin_interfaces.msg import Duration
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from emotion_bringup import diagnostics, qos
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_OK
from emotion_bringup.graph import AUDIENCE, EVENTS, TARGET
from emotion_bringup.parameter_tables import PEOPLE_PARAMETERS
from emotion_bringup.parameters import (
    CheckedParameters,
    ParameterError,
    declare_parameters,
    value_of,
)
from emotion_bringup.questions import Questions
from emotion_bringup.results_subscription import ResultsSubscription
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import Audience as AudienceMessage
from emotion_msgs.msg import ExpressionEvent as EventMessage
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.settings.tables import EventSettings, TargetSettings
from emotion_perception.tracking.audience import Audience, audience_of
from emotion_perception.tracking.events import ExpressionEvent, ExpressionEvents
from emotion_perception.tracking.target import Target, TargetChoice
from emotion_perception.types import NS_PER_S


class PeopleNode(CheckedParameters, Node):
    """Publishes each of its topics while somebody listens to it, and answers questions."""

    def __init__(self, stop: Stop) -> None:
        """Declares parameters and waits for a listener.

        Args:
            stop: Ends the process; not used, the node runs until it is stopped.

        Raises:
            EmotionPerceptionError: A parameter is unusable.
        """
        super().__init__('people_node')
        declare_parameters(self, PEOPLE_PARAMETERS)
        self.exit_code = EXIT_OK
        self._mode: str = value_of(self, 'mode')
        self._event_settings = self._read_event_settings()
        self._events: ExpressionEvents | None = None
        self._choice: TargetChoice | None = None
        self._statistics = StreamStatistics()
        self._results = ResultsSubscription(self, self._on_results)
        self._events_publisher = self._offer(EventMessage, EVENTS, copy(qos.EVENTS))
        self._target_publisher = self._offer(FaceEmotionArray, TARGET, qos.emotions(self._mode))
        self._audience_publisher = self._offer(AudienceMessage, AUDIENCE, qos.emotions(self._mode))
        self._questions = Questions(
            self, lambda: float(value_of(self, 'ask_history')), self._listen_on_demand
        )
        self.add_post_set_parameters_callback(self._apply_settings)
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'people', self._report)
        self._listen_on_demand()

    def close(self) -> None:
        """Nothing outlives the node."""

    def _offer(self, message_type: type, topic: str, profile: QoSProfile) -> Publisher:
        return self.create_publisher(
            message_type,
            topic,
            profile,
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._listen_on_demand()),
            qos_overriding_options=qos.overridable(),
        )

    def _read_event_settings(self) -> EventSettings:
        """The settings of events.

        Raises:
            ParameterError: An expression would end before it has started.
        """
        settings = EventSettings(
            measure=value_of(self, 'event_measure'),
            start=value_of(self, 'event_start'),
            end=value_of(self, 'event_end'),
            shortest_s=value_of(self, 'event_shortest'),
            repeat_s=value_of(self, 'event_period'),
        )
        if settings.end > settings.start:
            raise ParameterError(
                f'Parameter event_end must not be above event_start ({settings.start:g}), as '
                f'{settings.end:g} is.'
            )
        return settings

    def _read_target_settings(self) -> TargetSettings:
        return TargetSettings(
            by=value_of(self, 'target_by'),
            advantage=value_of(self, 'target_advantage'),
            patience_s=value_of(self, 'target_patience'),
            memory_s=value_of(self, 'target_memory'),
        )

    def _apply_settings(self, changes: list[RosParameter]) -> None:
        if self._choice is not None:
            self._choice.settings = self._read_target_settings()
        # Not for others: to subscribe declares parameters, and comes by here.
        if any(change.name == 'ask_history' for change in changes):
            self._listen_on_demand()
        try:
            self._event_settings = self._read_event_settings()
        except ParameterError as error:
            self.get_logger().warning(f'{error} The settings before go on.')
            return
        if self._events is not None:
            self._events.settings = self._event_settings

    def _listen_on_demand(self) -> None:
        if not _is_heard(self._events_publisher):
            self._events = None
        elif self._events is None:
            self._events = ExpressionEvents(self._event_settings)
        if not _is_heard(self._target_publisher):
            self._choice = None
        elif self._choice is None:
            self._choice = TargetChoice(self._read_target_settings())
        wanted = bool(
            self._events
            or self._choice
            or _is_heard(self._audience_publisher)
            or self._questions.wants_results
        )
        if wanted and not self._results.is_listening:
            self._results.start()
        elif not wanted and self._results.is_listening:
            self._results.stop()
            self._questions.forget()

    def _on_results(self, message: FaceEmotionArray) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        faces = faces_from_message(message)
        if self._events is not None:
            for event in self._events.update(faces, stamp_ns):
                self._events_publisher.publish(_event_message(message.header, event))
        if self._choice is not None:
            target = self._choice.update(faces, stamp_ns)
            self._target_publisher.publish(_target_message(message, target))
        if _is_heard(self._audience_publisher):
            told = _audience_message(message.header, audience_of(faces))
            self._audience_publisher.publish(told)
        if self._questions.wants_results:
            self._questions.add(message.header, faces)
        self._statistics.add(self.get_clock().now().nanoseconds, stamp_ns)

    def _report(self) -> diagnostics.Report:
        self._questions.end_overdue()
        self._listen_on_demand()
        now_ns = self.get_clock().now().nanoseconds
        values = diagnostics.stream_values(self._statistics, now_ns)
        if not self._results.is_listening:
            return diagnostics.OK, 'Idle: nobody subscribes or asks', values
        return diagnostics.health(self._statistics, values)


def _is_heard(publisher: Publisher) -> bool:
    return bool(publisher.get_subscription_count())


def _target_message(results: FaceEmotionArray, target: Target | None) -> FaceEmotionArray:
    """The target's face as it was found, under the track with which it became the target."""
    chosen = []
    if target is not None:
        chosen = [face for face in results.faces if face.track_id == target.face.track_id][:1]
        chosen[0].track_id = target.track_id
    return FaceEmotionArray(
        header=results.header,
        image_width=results.image_width,
        image_height=results.image_height,
        faces=chosen,
    )


def _audience_message(header: Header, audience: Audience) -> AudienceMessage:
    return AudienceMessage(
        header=header,
        faces=audience.faces,
        looking=audience.looking,
        faces_with_pose=audience.with_head,
        probabilities=audience.probabilities,
    )


def _event_message(header: Header, event: ExpressionEvent) -> EventMessage:
    seconds, nanoseconds = divmod(round(event.duration_s * NS_PER_S), NS_PER_S)
    return EventMessage(
        header=header,
        track_id=event.track_id,
        kind=int(event.kind),
        emotion=EMOTION_NAMES[event.emotion_id],
        emotion_id=event.emotion_id,
        strength=event.strength,
        confidence=event.confidence,
        duration=Duration(sec=seconds, nanosec=nanoseconds),
    )
