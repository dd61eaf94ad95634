"""Cameras, emotion nodes and a listener, put together for a measurement."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import images
from benchmarks.errors import BenchmarkError
from benchmarks.live.children import Child, Children
from emotion_perception.files.closeable import Closeable

_START_S = 90.0
_POLL_S = 0.5
_START_OF_A_CAMERA_S = 1.0
_SETTLE_S = 0.3  # for results that are still on their way


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of frames at one rate.

    Attributes:
        name: Unique name, carried by every frame and its result.
        rate: Frames per second, > 0.
        seconds: Length.
    """

    name: str
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """One result as the listener got it.

    Attributes:
        segment: Name of its segment.
        stamp_ns: Stamp of its frame.
        arrived_ns: When the listener's callback was called.
        faces: Number of faces.
    """

    segment: str
    stamp_ns: int
    arrived_ns: int
    faces: int

    @property
    def latency_ms(self) -> float:
        """From the camera's stamp to the arrival."""
        return (self.arrived_ns - self.stamp_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the segments.

    Attributes:
        published: Frames by segment, of one stream.
        results: Results by stream, in order of arrival.
        cores: CPU cores kept busy by process, mean over the run.
    """

    published: dict[str, int]
    results: list[list[Arrival]]
    cores: dict[str, float]

    def of(self, segment: str) -> list[Arrival]:
        """Results of one segment, of all streams."""
        return [a for results in self.results for a in results if a.segment == segment]


class Streams(Closeable):
    """Pairs of a camera stand-in and an emotion node, and one listener to all of them."""

    def __init__(
        self,
        log: Path,
        size: tuple[int, int],
        pairs: int = 1,
        threads: int = 0,
        variables: Mapping[str, str] | None = None,
        *,
        together: bool = False,
    ) -> None:
        """Prepares frames; starts nothing.

        Args:
            log: File for what the processes say.
            size: (width, height) of the frames, which show two faces.
            pairs: Number of pairs, >= 1.
            threads: `num_threads` of the emotion nodes.
            variables: Environment variables to set.
            together: One process for all emotion nodes, in place of one for each.
        """
        self._together = together
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._children = self._stack.enter_context(Children(log, **(variables or {})))
        self._pairs, self._threads = pairs, threads
        self._arrivals = self._folder / 'arrivals.json'
        self._frames = self._folder / 'frames.npy'
        frames = [images.fit(frame, *size) for frame in images.two_face_frames()]
        np.save(self._frames, np.stack(frames))
        self.nodes: list[Child] = []
        self.cameras: list[Child] = []
        self._planned_s = 0.0
        self._listener: Child | None = None

    def close(self) -> None:
        """Ends all processes and removes the frames."""
        self._stack.close()

    def listen(self) -> None:
        """Starts the listener and waits until it listens."""
        topics = [f'/pair{i}/emotions' for i in range(self._pairs)]
        self._listener = self._children.module(
            'benchmarks.live.listener', '--output', str(self._arrivals), '--topics', *topics
        )
        self.listener.next_line(_START_S)

    def start_nodes(self) -> None:
        """Starts the emotion nodes."""
        if self._together:
            names = [f'pair{i}' for i in range(self._pairs)]
            self.nodes = [
                self._children.node('emotion_node', '/', 'image', names, num_threads=self._threads)
            ]
            return
        self.nodes = [
            self._children.node(
                'emotion_node', f'/pair{i}', f'/pair{i}/image', num_threads=self._threads
            )
            for i in range(self._pairs)
        ]

    def start_cameras(self, segments: Sequence[Segment], *, wait: bool = True) -> None:
        """Starts the stand-ins for cameras; each ends after its last segment.

        Args:
            segments: Played one after the other, on all streams at once.
            wait: Whether the first frame waits for an emotion node.
        """
        plan = json.dumps([(s.name, s.rate, s.seconds) for s in segments])
        # Cameras of one process are to load it at the same time, each with a phase of its own.
        start = time.monotonic() + _START_OF_A_CAMERA_S * self._pairs if self._together else 0.0
        phase = 1 / (segments[0].rate * self._pairs)
        self._planned_s = sum(segment.seconds for segment in segments)
        self.cameras = [
            self._children.module(
                'benchmarks.live.frame_publisher',
                *('--frames', str(self._frames), '--topic', f'/pair{i}/image'),
                *('--segments', plan, '--subscribers', str(int(wait))),
                *('--start', str(start + i * phase)),
            )
            for i in range(self._pairs)
        ]

    @property
    def listener(self) -> Child:
        """The listener; `listen` must have been called."""
        assert self._listener is not None
        return self._listener

    def first_results(self) -> list[int]:
        """Waits until every stream has a result; when each arrived, in nanoseconds."""
        arrived: list[int] = []
        deadline = time.monotonic() + _START_S
        while len(arrived) < self._pairs:
            line = self.listener.poll_line(_POLL_S)
            if line is not None:
                arrived.append(int(line['arrived_ns']))
                continue
            for node in self.nodes:
                node.check()
            if time.monotonic() > deadline:
                raise BenchmarkError(
                    f'No result within {_START_S:.0f} s: check that DDS traffic is allowed on '
                    'this machine.'
                )
        return arrived

    def finish(self, each_second: Callable[[float], None] | None = None) -> Run:
        """Waits for the end of the cameras and collects the results.

        Args:
            each_second: Called about once a second with the seconds since this call.
        """
        watched = {
            'camera stand-in': self.cameras,
            'emotion_node': self.nodes,
            'listener': [self.listener],
        }
        before = {name: _cpu_of(children) for name, children in watched.items()}
        started = time.monotonic()
        published = [self._wait_for(camera, started, each_second) for camera in self.cameras]
        elapsed = time.monotonic() - started
        cores = {name: (_cpu_of(c) - before[name]) / elapsed for name, c in watched.items()}
        time.sleep(_SETTLE_S)
        self.listener.stop()
        return Run(published[0], _read(self._arrivals), cores)

    def play(
        self, segments: Sequence[Segment], each_second: Callable[[float], None] | None = None
    ) -> Run:
        """Starts everything, publishes segments and waits for their end."""
        self.listen()
        self.start_nodes()
        self.start_cameras(segments)
        self.first_results()
        return self.finish(each_second)

    def _wait_for(
        self, camera: Child, started: float, each_second: Callable[[float], None] | None
    ) -> dict[str, int]:
        """Waits for the counts that a camera prints at its end."""
        while time.monotonic() - started < self._planned_s + _START_S:
            counts = camera.poll_line(1.0)
            if counts is not None:
                return counts
            if each_second is not None:
                each_second(time.monotonic() - started)
        raise BenchmarkError('A camera stand-in did not come to its end: see the log.')


def _cpu_of(children: Sequence[Child]) -> float:
    return sum(child.cpu_seconds for child in children)


def _read(path: Path) -> list[list[Arrival]]:
    arrivals = json.loads(path.read_text(encoding='utf-8'))
    return [[Arrival(*values) for values in results] for results in arrivals.values()]
