"""Publishes a node's health on /diagnostics once a second (REP-107)."""

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from emotion_bringup import qos
from emotion_bringup.clock_watch import ClockWatch
from emotion_bringup.statistics import StreamStatistics

OK = DiagnosticStatus.OK
WARN = DiagnosticStatus.WARN
ERROR = DiagnosticStatus.ERROR

Report = tuple[bytes, str, Mapping[str, str]]
"""Level, one-line summary, and values by name."""

_PERIOD_S = 1.0


class DiagnosticsPublisher:
    """Asks the node for a report every second and publishes it, working or idle."""

    def __init__(self, node: Node, task: str, report: Callable[[], Report]) -> None:
        """Starts the timer.

        Args:
            node: The node to report on.
            task: What is reported, for the status name 'namespace/node: task'.
            report: Called in the node's executor.
        """
        self._node = node
        # With its namespace: who collects the statuses of several cameras tells them by it.
        self._name = f'{node.get_fully_qualified_name().lstrip("/")}: {task}'
        self._report = report
        self._clock_watch = ClockWatch(node)
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)
        # Steady time: a paused simulation clock must not make the node look dead.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_PERIOD_S, self.publish, clock=clock)

    def publish(self) -> None:
        """Publishes one report now."""
        level, summary, values = self._report()
        no_clock = self._clock_watch.problem()
        if no_clock:
            level, summary = max(level, WARN), f'{summary} ({no_clock})'
        status = DiagnosticStatus(
            level=level,
            name=self._name,
            message=summary,
            hardware_id=self._node.get_fully_qualified_name(),
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def destroy(self) -> None:
        """Stops reporting."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)


def health(statistics: StreamStatistics, values: Mapping[str, str], summary: str = '') -> Report:
    """The report of a node that is at work: its health follows what it makes of the images.

    Args:
        statistics: Of the stream.
        values: From `stream_values`.
        summary: While all is well; the frame rate by default.
    """
    if statistics.problem:
        return ERROR, statistics.problem, values
    return OK, summary or f'{values["rate (Hz)"]} frames per second', values


def stream_values(statistics: StreamStatistics, now_ns: int) -> dict[str, str]:
    """The values that every node reports of its frame stream."""
    at_least = 'at least ' if statistics.uncounted else ''
    p50, p95 = statistics.age_percentiles_ms()
    return {
        'rate (Hz)': f'{statistics.rate(now_ns):.1f}',
        'age p50 (ms)': f'{p50:.1f}',
        'age p95 (ms)': f'{p95:.1f}',
        'frames': str(statistics.frames),
        'dropped frames': f'{at_least}{statistics.dropped}',
        'bad frames': str(statistics.bad),
    }
