"""What the nodes of several cameras share: networks, and turns to search with them."""

import gc
import os
import threading
from contextlib import ExitStack

import pytest
import ros_bench
from ros_bench import EmotionBench, parameters

from emotion_bringup.nodes.emotion import EmotionNode
from emotion_bringup.shared_networks import SharedNetworks, TooBusyError


@pytest.fixture(scope='module')
def networks():
    return SharedNetworks()


@pytest.fixture(scope='module')
def bench(networks, model_path, grey):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ros_bench, 'EmotionNode', lambda stop: EmotionNode(stop, networks))
        bench = EmotionBench(parameters(model_path=model_path, detect_every_n=1))
    bench.connect(grey)
    yield bench
    bench.close()


@pytest.fixture
def busy(networks):
    """Other cameras have all turns, and search an image in the background."""
    assert networks.search_turns.take()
    with ExitStack() as turns:
        turns.callback(networks.search_turns.give_back)
        for _ in range(len(os.sched_getaffinity(0))):
            turns.enter_context(networks.turn(is_live=True))
        yield


def test_nodes_that_want_alike_share_one_session_of_each_network(networks, bench):
    first, second = networks.load(bench.node), networks.load(bench.node)
    detectors, classifiers, heads = zip(first, second, strict=True)
    assert classifiers[0]._network.session is classifiers[1]._network.session
    assert heads[0] is heads[1]
    assert detectors[0] is not detectors[1]  # it keeps buffers
    networks_of_detectors = [each._network for each in detectors]
    assert networks_of_detectors[0].session is networks_of_detectors[1].session
    assert classifiers[0]._network.session.get_session_options().intra_op_num_threads == 1


def test_networks_are_freed_with_the_last_that_uses_them(bench):
    other = SharedNetworks()
    loaded = other.load(bench.node)
    assert len(other._loaded) == 1
    del loaded
    gc.collect()
    assert not other._loaded


def test_a_turn_that_does_not_come_in_time_is_given_up(networks, busy):
    with pytest.raises(TooBusyError), networks.turn(is_live=True):
        pass


def test_where_nothing_may_be_lost_a_turn_is_waited_for(networks):
    reached = []

    def process():
        with networks.turn(is_live=False):
            reached.append(True)

    waiting = [threading.Thread(target=process) for _ in range(3)]
    with ExitStack() as others:
        for _ in range(len(os.sched_getaffinity(0))):
            others.enter_context(networks.turn(is_live=True))
        for each in waiting:
            each.start()
        with pytest.raises(TooBusyError), networks.turn(is_live=True):
            pass
        assert not reached
    for each in waiting:
        each.join()
    assert len(reached) == 3


def test_an_image_that_got_no_turn_counts_as_dropped(bench, busy, astronaut):
    bad, dropped = bench.node._statistics.bad, bench.node._statistics.dropped
    bench.send(astronaut)
    bench.spin_until(lambda: bench.node._statistics.dropped > dropped, 'the dropped image')
    assert bench.node._statistics.bad == bad


def test_the_next_image_is_processed(bench, astronaut):
    assert len(bench.ask(astronaut).faces) == 1
