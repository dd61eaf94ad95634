"""What behaviours react to, made of the results: when expressions start and end."""

from typing import Any

from builtin_interfaces.msg import Duration
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import Header

from emotion_bringup import diagnostics, qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_OK
from emotion_bringup.graph import EMOTIONS, EVENTS
from emotion_bringup.parameter_tables import PEOPLE_PARAMETERS
from emotion_bringup.parameters import (
    CheckedParameters,
    ParameterError,
    declare_parameters,
    value_of,
)
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import ExpressionEvent as EventMessage
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.settings.tables import EventSettings
from emotion_perception.tracking.events import ExpressionEvent, ExpressionEvents
from emotion_perception.types import NS_PER_S


class PeopleNode(CheckedParameters, Node):
    """Publishes events while somebody listens to them."""

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
        self._events = ExpressionEvents(self._settings())
        self._statistics = StreamStatistics()
        self._results: Any = None
        self._publisher = self.create_publisher(
            EventMessage,
            EVENTS,
            qos.EVENTS,
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._listen_on_demand()),
            qos_overriding_options=qos.overridable(),
        )
        self.add_post_set_parameters_callback(self._apply_settings)
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'people', self._report)
        self._listen_on_demand()

    def close(self) -> None:
        """Nothing outlives the node."""

    def _settings(self) -> EventSettings:
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

    def _apply_settings(self, changes: list[RosParameter]) -> None:
        try:
            self._events.settings = self._settings()
        except ParameterError as error:
            self.get_logger().warning(f'{error} The settings before go on.')

    def _listen_on_demand(self) -> None:
        wanted = self._publisher.get_subscription_count() > 0
        if wanted and self._results is None:
            self._events = ExpressionEvents(self._settings())
            self._results = self.create_subscription(
                FaceEmotionArray,
                EMOTIONS,
                self._on_results,
                qos.emotions(self._mode),
                qos_overriding_options=qos.overridable(),
            )
        elif not wanted and self._results is not None:
            self.destroy_subscription(self._results)
            self._results = None
            forget_destroyed(self)

    def _on_results(self, message: FaceEmotionArray) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        for event in self._events.update(faces_from_message(message), stamp_ns):
            self._publisher.publish(_event_message(message.header, event))
        self._statistics.add(self.get_clock().now().nanoseconds, stamp_ns)

    def _report(self) -> diagnostics.Report:
        self._listen_on_demand()
        now_ns = self.get_clock().now().nanoseconds
        values = diagnostics.stream_values(self._statistics, now_ns)
        if self._results is None:
            return diagnostics.OK, 'Idle: nobody subscribes', values
        return diagnostics.health(self._statistics, values)


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
