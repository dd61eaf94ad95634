"""Starts the nodes, follows their results to the end, and stops them without losing a frame."""

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rclpy.executors import SingleThreadedExecutor
from tqdm import tqdm

from emotion_bringup.endings import ended_how
from emotion_bringup.environment import names_environment
from emotion_bringup.frame_count_file import count_file_environment, read_count
from emotion_bringup.parameter_tables import LIVE, REPLAY
from emotion_bringup.security import enclave_arguments
from emotion_bringup.session.arguments import SessionOptions
from emotion_bringup.session.domain import how_to_join
from emotion_bringup.session.monitor import MonitorNode, event_line
from emotion_bringup.session.processes import (
    NodeProcesses,
    SessionError,
    check_foxglove,
    node_arguments,
)
from emotion_bringup.session.restarts import Restarts, restartable_nodes
from emotion_bringup.starting import made, ros_running
from emotion_msgs.msg import ExpressionEvent
from emotion_perception.bags.writer import BagWriter
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.outputs.face_table import FaceTable
from emotion_perception.outputs.results import (
    FrameRecord,
    JsonLinesWriter,
    Summary,
    format_line,
    stamp_ns_of,
)
from emotion_perception.outputs.run import note, say
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT
from emotion_perception.outputs.timeline import TimelineImage
from emotion_perception.signals import end_signals, leave_closed_terminal
from emotion_perception.sources import SourceOptions, is_live, open_source
from emotion_perception.types import Face

_POLL_S = 0.1
_START_TIMEOUT_S = 60.0
# Results that are still missing this long after the last one will not come.
_STALLED_S = 10.0


def run_session(options: SessionOptions) -> int:
    """Runs one session; see `command.run`."""
    enclave = ['--ros-args', *enclave_arguments('emotion_monitor')]
    try:
        with ros_running(enclave), ExitStack() as stack:
            return _Session(options, stack).run()
    except EmotionPerceptionError as error:
        note(f'error: {error}')
        return 1


def _has_screen() -> bool:
    """Whether there is a terminal with room for lines that change."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        return False


class _Session:
    def __init__(self, options: SessionOptions, stack: ExitStack) -> None:
        self._options = options
        self._quiet = options.quiet or options.json == STANDARD_OUTPUT
        self._mode = options.mode or (LIVE if is_live(options.source) else REPLAY)
        self._interrupted = False
        check_foxglove(options)
        frame_count = self._probe_source()
        self._json = stack.enter_context(JsonLinesWriter(options.json)) if options.json else None
        self._timeline = (
            stack.enter_context(TimelineImage(options.timeline)) if options.timeline else None
        )
        self._bag = BagWriter(options.record) if options.record else None
        self._bar = stack.enter_context(
            tqdm(total=frame_count, unit='frame', disable=not _has_screen(), dynamic_ncols=True)
        )
        # Without it each result gets a line.
        self._table = None if self._quiet or self._bar.disable else stack.enter_context(FaceTable())
        self._summary: Summary | None = None
        self._last_result_s = time.monotonic()
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='emotion_session_'))
        self._count_file = Path(folder, 'frames')
        self._processes = NodeProcesses(
            names_environment(options.given_names) | count_file_environment(self._count_file)
        )
        self._restarts = Restarts(restartable_nodes(options, self._mode))
        stack.callback(self._processes.stop_all)
        namespace = f'/{options.namespace.strip("/")}'
        on_event = self._on_event if options.people else None
        self._monitor = made(
            lambda: MonitorNode(
                namespace, self._mode, self._on_frame, self._on_latency, self._bag, on_event
            )
        )
        stack.callback(self._monitor.destroy_node)
        stack.callback(self._finish_bag)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._monitor)
        stack.callback(self._executor.shutdown)

    def run(self) -> int:
        for number in end_signals():
            signal.signal(number, self._interrupt)
        for name, arguments in node_arguments(self._options, self._mode).items():
            self._processes.start(name, arguments)
        domain = how_to_join(self._options.domain_id, os.environ)
        if domain:
            note(domain)
        if self._options.foxglove is not None:
            tqdm.write(f'Foxglove: open the connection ws://127.0.0.1:{self._options.foxglove}')
        self._last_result_s = time.monotonic()
        while not self._interrupted and not self._is_finished():
            self._executor.spin_once(timeout_sec=_POLL_S)
            self._check_nodes()
        clean = self._processes.stop_all()
        self._bar.close()
        self._finish_bag()
        return self._conclude(clean)

    def _probe_source(self) -> int | None:
        """Opens the source before any node starts: its problems are told in one sentence, once."""
        with open_source(self._options.source, SourceOptions(loop=self._options.loop)) as source:
            return source.frame_count

    def _finish_bag(self) -> None:
        """Keeps what was recorded, also when a node has failed; a second call does nothing."""
        bag, self._bag = self._bag, None
        if bag is None:
            return
        if self._monitor.frames.published:
            bag.close()
        else:
            bag.abort()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        leave_closed_terminal()
        self._interrupted = True

    def _check_nodes(self) -> None:
        failed = self._processes.first_failure()
        if failed is not None:
            self._recover(failed)
        if self._options.overlay and self._processes.exit_code('overlay_node') == 0:
            self._interrupted = True

    def _recover(self, name: str) -> None:
        exit_code = self._processes.exit_code(name) or 0
        refusal = self._restarts.refusal(name, exit_code)
        if refusal:
            raise SessionError(refusal)
        tqdm.write(f'warning: {name} {ended_how(exit_code)}; starting it again.', sys.stderr)
        self._processes.restart(name)

    def _is_finished(self) -> bool:
        silence_s = time.monotonic() - self._last_result_s
        if self._mode == REPLAY and self._summary is None and silence_s > _START_TIMEOUT_S:
            raise SessionError(
                f'No result within {_START_TIMEOUT_S:.0f} s of the start: check that DDS traffic '
                'is allowed on this machine, or see --log-level info.'
            )
        if self._processes.exit_code('camera_node') is None:
            return False
        frames = self._monitor.frames
        return bool(frames.published and not frames.missing) or silence_s > _STALLED_S

    def _on_latency(self, latency_ms: float) -> None:
        assert self._summary is not None  # a latency comes after its result
        self._summary.add_latency(latency_ms)

    def _on_frame(self, record: FrameRecord, faces: list[Face]) -> None:
        self._last_result_s = time.monotonic()
        if self._summary is None:
            # The clock of the summary starts with the stream, not with the loading of the models.
            self._summary = Summary()
        self._summary.add(faces)
        self._bar.update()
        if self._json is not None:
            self._json.write(record)
        if self._timeline is not None:
            self._timeline.add(stamp_ns_of(record), faces)
        if not self._quiet:
            self._show(record)

    def _on_event(self, event: ExpressionEvent) -> None:
        if not self._quiet and event.kind != ExpressionEvent.GOING_ON:
            tqdm.write(event_line(event))

    def _show(self, record: FrameRecord) -> None:
        """A few lines that change in a terminal, a line per image elsewhere."""
        if self._table is None:
            tqdm.write(format_line(record))
        else:
            self._table.show(record)

    def _conclude(self, clean: bool) -> int:
        if self._table is not None:
            self._table.close()
        say((self._summary or Summary()).format())
        options = self._options
        if self._timeline is not None:
            self._timeline.close()
        for path in (options.video, options.timeline, options.json, options.record, options.mcap):
            if path is not None and path.exists():
                say(f'wrote {path}')
        if self._mode == REPLAY and not self._interrupted:
            self._check_losses()
        return 0 if clean else 1

    def _check_losses(self) -> None:
        frames = self._monitor.frames
        published = max(frames.published, read_count(self._count_file))
        missing = frames.missing + published - frames.published
        if missing:
            raise SessionError(
                f'{missing} of {published} frames have no result: '
                'run with --log-level info to see why.'
            )
