"""Starts the nodes, makes the faults, and watches."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.live.children import Child, Children
from benchmarks.soak.accounting import Recording, read
from benchmarks.soak.monitoring import MonitoredProcess
from benchmarks.soak.schedule import Event, Fault, plan
from emotion_bringup.parameter_tables import LIVE
from emotion_perception.files.closeable import Closeable

CAMERA, EMOTION, OVERLAY = 'camera_node', 'emotion_node', 'overlay_node'

_NAMESPACE = '/soak'
_IMAGES = f'{_NAMESPACE}/camera/image_raw'
_START_S = 120.0
_RESULTS_OF_A_LIFE = 150
_SETTLE_S = 90.0  # for what is still under way at the end, on a busy machine
_TICK_S = 1.0
_DOWN_S = 1.0  # between the end of a killed node and its next start


@dataclass(slots=True)
class Observations:
    """What was seen from outside.

    Attributes:
        seconds: Length of the soak.
        processes: Every process of the three nodes that was watched.
        faults: How often each fault was made.
        bad_sent: Bad frames sent during each life of the emotion node.
        changes: Parameter changes answered 'right', 'wrong', or left 'unanswered', and how many
            of them were 'asked_again'.
        sessions: Of runs of `emotion nodes`: processes 'left_running' after their terminal was
            closed; frames without a result after their camera was frozen, 'told' and 'untold'.
        failures: What went wrong that nobody did on purpose, in sentences.
        recording: What the recorder wrote.
    """

    seconds: float = 0.0
    processes: list[MonitoredProcess] = field(default_factory=list)
    faults: Counter[Fault] = field(default_factory=Counter)
    bad_sent: list[int] = field(default_factory=lambda: [0])
    changes: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    recording: Recording = field(default_factory=Recording)


class Soak(Closeable):
    """The three nodes on the demo clip in a loop, a recorder, and somebody who does them harm."""

    def __init__(self, log: Path, threads: int = 0) -> None:
        """Prepares; starts nothing.

        Args:
            log: File for what the processes say.
            threads: `num_threads` of the emotion node.
        """
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._children = self._stack.enter_context(Children(log))
        self._threads = threads
        self._lines = self._folder / 'recording.csv'
        self._nodes: dict[str, MonitoredProcess] = {}
        self._helpers: list[tuple[Child, Callable[[dict[str, int]], None]]] = []
        self._slow: list[tuple[Child, float]] = []
        self._counts: dict[str, int] = {}
        self.found = Observations()

    def close(self) -> None:
        """Ends all processes."""
        self._stack.close()

    def run(self, seconds: float) -> Observations:
        """Starts everything, makes every fault in its turn, and collects what came of it.

        Args:
            seconds: Length, counted from the first result; longer where faults take longer.

        Raises:
            BenchmarkError: The nodes do not start.
        """
        self._start()
        events = plan(seconds)
        started = time.monotonic()
        # A kill waits for results, on a busy machine past the end: the faults behind it come still.
        while not self.found.failures:
            now = time.monotonic() - started
            if not events and now >= seconds:
                break
            while events and events[0].second <= now:
                self._begin(events.pop(0))
            self._tick()
        self.found.seconds = time.monotonic() - started
        self._finish()
        return self.found

    def _start(self) -> None:
        self._recorder = self._children.module(
            'benchmarks.soak.recorder', '--namespace', _NAMESPACE, '--output', str(self._lines)
        )
        self._recorder.next_line(_START_S)
        self._start_emotion_node()
        self._watch(OVERLAY, self._children.node(OVERLAY, _NAMESPACE, _IMAGES))
        self._watch(
            CAMERA,
            self._children.node(
                CAMERA,
                f'{_NAMESPACE}/camera',
                _IMAGES,
                video_device='demo',
                loop=True,
                mode=LIVE,
                wait_for_subscribers=2,
            ),
        )
        if not self._tick_until(lambda: self._counts.get('results', 0) > 0, _START_S):
            raise BenchmarkError(
                f'No result within {_START_S:.0f} s: check that DDS '
                'traffic is allowed on this machine.'
            )

    def _start_emotion_node(self) -> None:
        child = self._children.node(EMOTION, _NAMESPACE, _IMAGES, num_threads=self._threads)
        self._watch(EMOTION, child)

    def _watch(self, name: str, child: Child) -> None:
        self._nodes[name] = MonitoredProcess(name, child)
        self.found.processes.append(self._nodes[name])

    def _begin(self, event: Event) -> None:
        self.found.faults[event.fault] += 1
        begin = {
            Fault.KILL: self._kill,
            Fault.BAD_FRAMES: self._send_bad_frames,
            Fault.PARAMETERS: self._change_parameters,
            Fault.SLOW_SUBSCRIBER: self._add_slow_subscriber,
            Fault.CLOSED_TERMINAL: lambda _: self._harm_session('closed_terminal'),
            Fault.FROZEN_CAMERA: lambda _: self._harm_session('frozen_camera'),
        }
        begin[event.fault](event)

    def _kill(self, _: Event) -> None:
        # The recorder knows the next life by lower numbers, and may miss its first two seconds.
        self._tick_until(lambda: self._counts['results'] >= _RESULTS_OF_A_LIFE, _SETTLE_S)
        self._nodes.pop(EMOTION).child.kill()
        self.found.bad_sent.append(0)
        time.sleep(_DOWN_S)
        self._start_emotion_node()

    def _send_bad_frames(self, event: Event) -> None:
        life = len(self.found.bad_sent) - 1

        def note(counts: dict[str, int]) -> None:
            self.found.bad_sent[life] += counts['sent']

        self._help(note, 'bad_frames', '--topic', _IMAGES, '--seconds', str(event.seconds))

    def _change_parameters(self, event: Event) -> None:
        target = f'{_NAMESPACE}/{EMOTION}'
        self._help(
            self.found.changes.update,
            'parameter_changes', '--target', target, '--seconds', str(event.seconds),
        )  # fmt: skip

    def _add_slow_subscriber(self, event: Event) -> None:
        def note(_: dict[str, int]) -> None:
            self._slow.append((child, time.monotonic() + event.seconds))

        child = self._help(note, 'slow_subscriber', '--namespace', _NAMESPACE)

    def _harm_session(self, module: str) -> None:
        self._help(self.found.sessions.update, module)

    def _help(self, note: Callable[[dict[str, int]], None], module: str, *arguments: str) -> Child:
        child = self._children.module(f'benchmarks.soak.{module}', *arguments)
        self._helpers.append((child, note))
        return child

    def _tick(self) -> None:
        """A second in which everybody is heard and looked at."""
        line = self._recorder.poll_line(_TICK_S)
        while line is not None:
            self._counts = line
            line = self._recorder.poll_line(0)
        self._hear_helpers()
        for child, end in list(self._slow):
            if time.monotonic() >= end:
                child.stop()
                self._slow.remove((child, end))
        for watched in self._nodes.values():
            watched.sample()
            self._check(watched)

    def _check(self, watched: MonitoredProcess) -> None:
        code = watched.child.exit_code
        if code is not None:
            self.found.failures.append(f'{watched.name} ended by itself with code {code}.')

    def _hear_helpers(self) -> None:
        for child, note in list(self._helpers):
            try:
                line = child.poll_line(0)
            except BenchmarkError as error:
                self.found.failures.append(str(error))
            else:
                if line is None:
                    continue
                note(line)
            self._helpers.remove((child, note))

    def _tick_until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline or self.found.failures:
                return False
            self._tick()
        return True

    def _finish(self) -> None:
        """Ends the stream of frames, and lets everybody say their last word."""
        lives = len(self.found.bad_sent)
        if not self._tick_until(
            lambda: not (self._helpers or self._slow) and self._counts['lives'] >= lives, _SETTLE_S
        ):
            if self._counts['lives'] < lives:
                self._note('The emotion node gave no result again after its start.')
            else:
                late = ', '.join(child.name for child, _ in (*self._helpers, *self._slow))
                self._note(f'Not at an end {_SETTLE_S:g} s after the last fault: {late}.')
        self._nodes.pop(CAMERA).child.stop()
        if not self._tick_until(
            lambda: self._counts['reported'] >= self._counts['results'], _SETTLE_S
        ):
            self._note('The emotion node did not report its last results.')
        self._recorder.stop()
        with self._lines.open(encoding='utf-8') as lines:
            self.found.recording = read(lines)

    def _note(self, sentence: str) -> None:
        # What ended the soak has been said; what follows from it has not to be.
        if not self.found.failures:
            self.found.failures.append(sentence)
