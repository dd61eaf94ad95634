"""Hundreds of lives of one emotion node: nothing is left behind by any of them."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import onnxruntime
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from processes import open_files
from rclpy.lifecycle import TransitionCallbackReturn
from ros_bench import EmotionBench, parameters

CYCLES = 200
WARM_UP = 50
EVERY_NTH_WITH_IMAGES = 20
# What an allocator may keep of 150 lives; one leaked model alone would be several times that.
MEMORY_MB = 16.0
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


@dataclass(frozen=True)
class Held:
    """What the process and the node hold."""

    threads: int
    handles: int
    sessions: int
    publishers: int
    subscriptions: int
    timers: int
    waitables: int
    managed: int
    parameters: int

    @classmethod
    def by(cls, node, others):
        gc.collect()
        return cls(
            threads=len(list(Path('/proc/self/task').iterdir())),
            handles=open_files(),
            sessions=len(sessions()) - len(others),
            publishers=len(list(node.publishers)),
            subscriptions=len(list(node.subscriptions)),
            timers=len(list(node.timers)),
            waitables=len(list(node.waitables)),
            managed=len(node._managed_entities),
            parameters=len(node._parameters),
        )


def sessions():
    return [one for one in gc.get_objects() if isinstance(one, onnxruntime.InferenceSession)]


def resident_mb():
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


@pytest.fixture
def bench(model_path):
    # The cascade loads in a fraction of the time of CenterFace; one thread is enough here.
    values = {'model_path': model_path, 'detector': 'haar', 'num_threads': 1}
    made = EmotionBench(parameters(**values, autostart='false'))
    yield made
    made.close()


@pytest.fixture
def held(bench):
    """Looks at what is held; networks that other tests have left do not count."""
    gc.collect()
    others = sessions()
    return lambda: Held.by(bench.node, others)


class Cycles:
    def __init__(self, bench, image):
        self._bench, self._image = bench, image
        self._change = bench.client.create_client(ChangeState, '/emotion_node/change_state')
        bench.spin_until(self._change.service_is_ready, 'the lifecycle service')
        bench.spin_until_served('/emotion_node/change_state')

    def plain(self):
        """As fast as it goes, without an image."""
        node = self._bench.node
        for trigger in (
            node.trigger_configure,
            node.trigger_activate,
            node.trigger_deactivate,
            node.trigger_cleanup,
        ):
            assert trigger() == TransitionCallbackReturn.SUCCESS
            self._bench.spin_some()

    def with_images(self):
        """Through the service, while images flow; every state is left with images on the way."""
        for transition in UP:
            self._request(transition)
        self._bench.results.clear()
        self._bench.spin_until(self._is_processed, 'a result')
        for transition in DOWN:
            self._bench.send(self._image)
            self._request(transition)

    def _is_processed(self):
        self._bench.send(self._image)
        return bool(self._bench.results)

    def _request(self, transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert self._bench.result(self._change.call_async(request)).success


@pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='needs Linux')
@pytest.mark.slow
def test_two_hundred_lives_leave_nothing_behind(bench, held, astronaut):
    cycles = Cycles(bench, cv2.resize(astronaut, (128, 128), interpolation=cv2.INTER_AREA))
    cycles.with_images()
    before, memory = None, 0.0
    for number in range(CYCLES):
        if number == WARM_UP:
            before, memory = held(), resident_mb()
        if number % EVERY_NTH_WITH_IMAGES == 0:
            cycles.with_images()
        else:
            cycles.plain()
    after, grown = held(), resident_mb() - memory

    assert after == before
    assert after.sessions == 0
    assert grown < MEMORY_MB
    references = bench.node.default_callback_group.entities
    # What was destroyed in the last life may wait for the next one.
    assert sum(reference() is None for reference in references) < EVERY_NTH_WITH_IMAGES


def test_listeners_that_come_and_go_leave_nothing_behind(bench, grey):
    """The subscription to images starts and stops with the demand."""
    bench.node.trigger_configure()
    bench.node.trigger_activate()
    sizes = set()
    for _ in range(10):
        bench.spin_until(lambda: bench.node._images.is_listening, 'the listening')
        bench.deafen()
        bench.spin_until(lambda: not bench.node._images.is_listening, 'the end of the listening')
        sizes.add(len(bench.node.default_callback_group.entities))
        bench.listen()
    assert max(sizes) - min(sizes) <= 4


def test_a_configuration_that_fails_leaves_nothing_behind(bench, held, monkeypatch):
    """Whatever goes wrong is told, and the next attempt starts from nothing."""
    before = held()

    def fail(*_):
        raise RuntimeError('no publisher today')

    with monkeypatch.context() as patch:
        patch.setattr(bench.node, '_make_publishers', fail)
        for _ in range(3):
            assert bench.node.trigger_configure() == TransitionCallbackReturn.FAILURE
    bench.spin_until(
        lambda: bench.logged('RuntimeError: no publisher today'), 'the error in the log'
    )
    assert held() == before
    assert bench.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
