"""Node processes, and a client beside them that survives whatever happens to them."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from processes import environment, open_files
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_bench import FRAME_NS, header, image_message, parameters
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.session.domain import claim_domain
from emotion_msgs.msg import FaceEmotionArray

# Far more than a busy machine needs; reached only when something is broken.
DEADLINE_S = 240.0
# Apart from the domain of the other tests: their nodes have the same names.
DOMAIN = claim_domain()
FIRST_STAMP_NS = 1_700_000_000_000_000_000


class NodeProcess:
    """One node as users start it; what it says goes to a file."""

    def __init__(self, name: str, arguments: list[str], output: Path) -> None:
        self.name = name
        self.killed = False
        self._output = output
        with output.open('wb') as file:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(ROS_DOMAIN_ID=str(DOMAIN)),
            )
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return self._output.read_text(errors='replace')

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no chance to say goodbye."""
        self.killed = True
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def wait(self) -> int:
        return self._process.wait(DEADLINE_S)

    def end(self) -> int:
        """Ctrl-C; returns the exit code."""
        if self.is_alive:
            self.signal(signal.SIGCONT)  # a stopped one would not listen
            self.signal(signal.SIGINT)
        try:
            return self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    @property
    def handles(self) -> int:
        return open_files(self.pid)

    @property
    def threads(self) -> int:
        return len(list(Path(f'/proc/{self.pid}/task').iterdir()))

    @property
    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f'/proc/{self.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


class Stage:
    """Starts node processes, and sees what they publish."""

    def __init__(self, folder: Path, model_path: Path) -> None:
        self.processes: list[NodeProcess] = []
        self._folder, self._model_path = folder, model_path
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=DOMAIN)
        self.node = Node('onlooker', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._log: list[Log] = []
        self._received: dict[str, list] = {}
        self._statuses: dict[str, deque[DiagnosticStatus]] = {}
        rosout = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(Log, '/rosout', self._log.append, rosout)
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )

    # --- processes ---

    def start(self, name: str, *arguments: str, cameras=(), **values) -> NodeProcess:
        """Starts a node, or that of several cameras, with ROS arguments and parameters."""
        if name == 'emotion_node':
            values = {'model_path': self._model_path, **values}
        return self.run(name, *cameras, '--ros-args', *parameters(**values), *arguments)

    def run(self, name: str, *arguments: str, module='emotion_bringup.main') -> NodeProcess:
        return self.python(name, '-m', module, name, *arguments)

    def python(self, name: str, *arguments: str) -> NodeProcess:
        """Starts this interpreter, in the domain of the stage."""
        output = self._folder / f'{len(self.processes)}_{name}.log'
        process = NodeProcess(name, list(arguments), output)
        self.processes.append(process)
        return process

    def crashed(self) -> list[str]:
        """Processes that died although nobody killed them, or that show a traceback."""
        return [
            f'{process.name}: {process.output}'
            for process in self.processes
            if not process.killed and (not process.is_alive or 'Traceback' in process.output)
        ]

    def close(self) -> None:
        """Ends everything and looks back: nothing crashed."""
        try:
            crashed = self.crashed()
            codes = {process.name: process.end() for process in self.processes if process.is_alive}
        finally:
            for process in self.processes:
                process.kill()
            self._executor.shutdown()
            self.node.destroy_node()
            rclpy.try_shutdown(context=self._context)
        assert not crashed, crashed
        assert not any(codes.values()), codes

    # --- what they publish ---

    def listen(self, message_type, topic: str, profile, **options) -> list:
        """Subscribes; what comes lands in the returned list."""
        received = self._received[topic] = []
        self.node.create_subscription(message_type, topic, received.append, profile, **options)
        return received

    def spin(self, seconds=0.05) -> None:
        self._executor.spin_once(timeout_sec=seconds)

    def spin_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f'{what} did not happen; {self.account()}'
            self.spin()

    def account(self) -> str:
        """What can be said of a failure: nobody sees it twice."""
        topics = {
            topic: f'{len(received)} messages, {self.node.count_publishers(topic)} publishers'
            for topic, received in self._received.items()
        }
        said = {process.name: process.output[-500:] for process in self.processes}
        return f'crashed: {self.crashed()}; {self.node.get_node_names()}; {topics}; {said}'

    def status(
        self, node: str, holds=lambda status: True, meanwhile=lambda: None
    ) -> DiagnosticStatus:
        """Waits for a status, published from now on, of a node (its full name) that fits.

        Args:
            node: Full name of the node.
            holds: Says whether a status fits.
            meanwhile: Called again and again until one does.
        """
        statuses = self._statuses.setdefault(node, deque(maxlen=100))
        statuses.clear()

        def is_seen() -> bool:
            meanwhile()
            return any(map(holds, statuses))

        self.spin_until(is_seen, f'the status of {node}')
        return next(filter(holds, statuses))

    def logged(self, part: str, node: str = '') -> list[str]:
        """Log messages that contain a text, of all nodes or one (such as `robot.emotion_node`)."""
        return [m.msg for m in self._log if part in m.msg and (not node or m.name == node)]

    def forget_log(self) -> None:
        self._log.clear()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._statuses.setdefault(status.hardware_id, deque(maxlen=100)).append(status)


class Camera:
    """The client's camera and ear for one emotion node."""

    def __init__(self, stage: Stage, namespace='', mode='live') -> None:
        self._stage, self._mode = stage, mode
        self.image_topic = f'{namespace}/image'
        self.emotions_topic = f'{namespace}/emotions'
        self.name = f'{namespace}/emotion_node'
        self.results: list[FaceEmotionArray] = []
        self._stamp_ns = FIRST_STAMP_NS
        self.plug_in()
        self.listen()

    def plug_in(self, profile=qos.IMAGE_REPLAY):
        """Starts to publish images; keeps them all, so that only the node's side may lose one."""
        self.images = self._stage.node.create_publisher(Image, self.image_topic, profile)

    def unplug(self) -> None:
        self._stage.node.destroy_publisher(self.images)

    def listen(self) -> None:
        self._ear = self._stage.node.create_subscription(
            FaceEmotionArray, self.emotions_topic, self.results.append, qos.emotions(self._mode)
        )

    def deafen(self) -> None:
        self._stage.node.destroy_subscription(self._ear)

    def new_stream(self, image) -> None:
        """Makes the node listen anew, so that it warns anew."""
        self.deafen()
        self._stage.status(self.name, lambda status: status.message.startswith('Idle'))
        self.listen()
        self.connect(image)
        self._stage.forget_log()

    def connect(self, image) -> None:
        """Waits until images come through; the first ones may be lost on the way."""
        self._stage.spin_until(lambda: self.images.get_subscription_count() > 0, 'the subscription')
        self.results.clear()
        deadline = time.monotonic() + DEADLINE_S
        while not self.results:
            assert time.monotonic() < deadline, f'no result; {self._stage.account()}'
            self.send(image)
            self._stage.spin(0.2)
        last = self.send(image)
        self._stage.spin_until(lambda: last in self.stamps, 'the last result of the warm-up')
        self.results.clear()

    @property
    def stamps(self) -> list[int]:
        """Stamps of the results so far, in nanoseconds."""
        return [stamp_to_ns(result.header.stamp) for result in self.results]

    def next_stamp(self, seconds=FRAME_NS / 1e9) -> int:
        self._stamp_ns += round(seconds * 1e9)
        return self._stamp_ns

    def send(self, image, stamp_ns=None) -> int:
        """Publishes a BGR image or a ready message; returns its stamp."""
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        message = image if isinstance(image, Image) else image_message(image)
        message.header = header(stamp_ns)
        self.images.publish(message)
        return stamp_ns

    def ask(self, image, stamp_ns=None) -> FaceEmotionArray:
        """Publishes an image and returns the next result, which must be the one to it."""
        before = len(self.results)
        stamp_ns = self.send(image, stamp_ns)
        self._stage.spin_until(lambda: len(self.results) > before, 'the result')
        assert self.stamps[before:] == [stamp_ns]
        return self.results[-1]
