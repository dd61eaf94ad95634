"""Runs the nodes of a process: signals, clean shutdown and exit codes."""

import atexit
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import rclpy
from rclpy.exceptions import ROSInterruptException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from emotion_bringup.endings import EXIT_OK, EXIT_USAGE
from emotion_bringup.environment import as_written
from emotion_bringup.starting import StartError, first_line, made, ros_running
from emotion_perception.address import shown_text
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.signals import end_signals
from emotion_perception.terminal import shown

_EXIT_FORCED = 130
_SAME_SIGNAL_S = 1.0
_LAST_STEPS_S = 10
_ERROR_PERIOD_S = 5.0

Stop = Callable[[], None]
"""Ends the node's process; may be called from any thread, more than once."""


MakeNode = Callable[[Stop], Node]
"""Builds a node; gets the function that ends the process.

The node has `close()`, called once before it is destroyed, and may have `exit_code` and
`drain(executor)`, called when it is to end and can still receive.
"""


def run_nodes(makers: Sequence[MakeNode], args: Sequence[str] | None = None) -> int:
    """Initialises ROS, spins nodes until one stops or a signal comes, and cleans up.

    Each has a thread and an executor of its own, so that none waits for another's callbacks.

    Args:
        makers: One for each node; not empty.
        args: Command line with ROS arguments; None takes `sys.argv`.

    Returns:
        Exit code of `endings`: `EXIT_OK` after a normal end or Ctrl-C, `EXIT_USAGE` where settings
        are wrong, `EXIT_ERROR` after any other error.
    """
    missing = _missing_params_file(sys.argv if args is None else args)
    if missing:
        return _fail(f'Parameter file {missing} does not exist: check --params-file.', EXIT_USAGE)
    try:
        with ros_running(args):
            return _spin(makers)
    except StartError as error:
        return _fail(str(error), error.exit_code)
    except EmotionPerceptionError as error:
        return _fail(str(error), EXIT_USAGE)


def _missing_params_file(args: Sequence[str]) -> str:
    """Asked before rcl, which reports a missing file with lines of its C sources."""
    files = (value for option, value in pairwise(args) if option == '--params-file')
    return next((file for file in files if not Path(file).is_file()), '')


def _spin(makers: Sequence[MakeNode]) -> int:
    stopped = threading.Event()
    executors = [SingleThreadedExecutor() for _ in makers]

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            # Work to do is what ends a wait in `spin_once`.
            for executor in executors:
                executor.create_task(_do_nothing)

    _stop_on_signals(stop)
    nodes: list[Node] = []
    try:
        nodes += (made(partial(make_node, stop)) for make_node in makers)
        _route_core_log(nodes)
        _spin_all(stopped, stop, list(zip(executors, nodes, strict=True)))
    finally:
        stopped.set()
        for node in nodes:
            node.close()  # type: ignore[attr-defined]
        for executor in executors:
            executor.shutdown()
        for node in nodes:
            node.destroy_node()
    return max(int(getattr(node, 'exit_code', EXIT_OK)) for node in nodes)


def _spin_all(
    stopped: threading.Event, stop: Stop, pairs: Sequence[tuple[SingleThreadedExecutor, Node]]
) -> None:
    """Spins the first node in this thread, each other one in a thread of its own.

    Raises:
        Exception: What ended the spinning of one of them; it ends that of all.
    """
    problems: list[Exception] = []

    def spin(executor: SingleThreadedExecutor, node: Node) -> None:
        try:
            executor.add_node(node)
            _spin_until(stopped, executor, node)
            drain = getattr(node, 'drain', None)
            if drain is not None:
                drain(executor)
        except (ExternalShutdownException, ROSInterruptException):
            pass
        except Exception as error:
            problems.append(error)
        finally:
            stop()

    first, *others = pairs
    threads = [
        threading.Thread(target=spin, args=pair, name=pair[1].get_fully_qualified_name())
        for pair in others
    ]
    for thread in threads:
        thread.start()
    spin(*first)
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def _do_nothing() -> None:
    """A task that wakes an executor."""


def _spin_until(stopped: threading.Event, executor: SingleThreadedExecutor, node: Node) -> None:
    """Spins on when a callback has failed.

    rclpy raises what a callback raised out of the executor, and some of the callbacks are its own:
    a parameter request with an unknown type, for example, would end the node. Its own
    `spin_until_future_complete` is not used: up to 7.1.7 (Jazzy) each callback leaves 248 bytes in
    the future (ros2/rclpy#1374).
    """
    while not stopped.is_set() and rclpy.ok():
        try:
            executor.spin_once()
        except (ExternalShutdownException, ROSInterruptException, EmotionPerceptionError):
            raise
        except Exception as error:
            node.get_logger().error(
                f'A callback failed, the node goes on: {type(error).__name__}: {first_line(error)}',
                throttle_duration_sec=_ERROR_PERIOD_S,
            )


def _stop_on_signals(stop: Stop) -> None:
    """Ends the node on SIGINT, SIGTERM and SIGHUP, the process on a second one.

    The executor sleeps in C code, where Python's handlers do not run; the wake-up pipe is written
    at once by whichever thread the signal interrupts, and a thread of ours reads it.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in end_signals():
        signal.signal(number, lambda *_: None)

    def wait(_keep_open: socket.socket = writer) -> None:
        reader.recv(1)
        first = time.monotonic()
        stop()
        # A second Ctrl-C must always work, even when the node hangs in a driver. One that comes at
        # once is the first again: a terminal and a launcher may both send it.
        while reader.recv(1):
            if time.monotonic() - first > _SAME_SIGNAL_S:
                os._exit(_EXIT_FORCED)

    threading.Thread(target=wait, name='signals', daemon=True).start()
    atexit.register(_end_undisturbed)


def _end_undisturbed() -> None:
    """Lets a second Ctrl-C not kill a process that has nothing more to do than to end.

    Python drops all handlers before it destroys what is left, ROS's context with its shared memory
    among it: a signal would then be a death by that signal. What hangs there is killed after a
    while all the same.
    """
    for number in end_signals():
        signal.signal(number, signal.SIG_IGN)
    signal.alarm(_LAST_STEPS_S)


class _RosLogHandler(logging.Handler):
    """Passes the core's log records on to the loggers of the nodes, so that they reach /rosout."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Takes the nodes; what happens in none of their threads is told by the first."""
        super().__init__()
        self._loggers = {node.get_fully_qualified_name(): node.get_logger() for node in nodes}
        self._first = nodes[0].get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Logs one record at the matching ROS level."""
        text = shown(as_written(record.getMessage()))
        logger = self._loggers.get(record.threadName or '', self._first)
        if record.levelno >= logging.ERROR:
            logger.error(text)
        elif record.levelno >= logging.WARNING:
            logger.warning(text)
        elif record.levelno >= logging.INFO:
            logger.info(text)
        else:
            logger.debug(text)


def _route_core_log(nodes: Sequence[Node]) -> None:
    logger = logging.getLogger('emotion_perception')
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [_RosLogHandler(nodes)]


def _fail(sentence: str, code: int) -> int:
    print(f'error: {shown(shown_text(as_written(sentence)))}', file=sys.stderr, flush=True)
    return code
