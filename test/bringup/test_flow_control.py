"""A file waits while its frames are unacknowledged."""

import itertools
import threading

import pytest

from emotion_bringup import flow_control
from emotion_bringup.flow_control import InFlight


def test_without_a_limit_nothing_waits():
    in_flight = InFlight(0)
    for stamp in range(1000):
        in_flight.published(stamp)
    assert in_flight.wait(0.0, threading.Event())


def test_waits_for_an_result_when_full():
    in_flight, stop = InFlight(2), threading.Event()
    in_flight.published(1)
    assert in_flight.wait(60.0, stop)
    in_flight.published(2)
    waited = []
    waiter = threading.Thread(target=lambda: waited.append(in_flight.wait(60.0, stop)))
    waiter.start()
    in_flight.acknowledged(1)
    waiter.join(60.0)
    assert waited == [True]


@pytest.mark.parametrize('acknowledged', [3, 99])
def test_an_result_to_another_frame_frees_nothing(acknowledged):
    in_flight = InFlight(1)
    in_flight.published(1)
    in_flight.acknowledged(acknowledged)
    assert not in_flight.wait(0.0, threading.Event())


def test_gives_frames_up_that_are_never_acknowledged():
    in_flight = InFlight(1)
    in_flight.published(1)
    assert not in_flight.wait(0.0, threading.Event())
    assert in_flight.wait(0.0, threading.Event())


def test_waits_a_tenth_while_nothing_comes_and_in_full_again_once_something_does(monkeypatch):
    seconds = itertools.count()
    monkeypatch.setattr(flow_control.time, 'monotonic', lambda: next(seconds))
    monkeypatch.setattr(flow_control, '_POLL_S', 0.0)
    in_flight = InFlight(1)

    def time_of_waiting():
        in_flight.published(1)
        before = next(seconds)
        assert not in_flight.wait(100.0, threading.Event())
        return next(seconds) - before

    assert time_of_waiting() > 100
    assert time_of_waiting() < 20
    in_flight.acknowledged(99)
    assert time_of_waiting() > 100


def test_a_result_while_it_waits_brings_the_whole_time_back(monkeypatch):
    in_flight, seconds = InFlight(1), itertools.count()
    monkeypatch.setattr(flow_control, '_POLL_S', 0.0)
    monkeypatch.setattr(flow_control.time, 'monotonic', lambda: next(seconds))
    in_flight.published(1)
    assert not in_flight.wait(100.0, threading.Event())

    def monotonic():
        second = next(seconds)
        if second == begin + 5:
            in_flight.acknowledged(1)
        return second

    in_flight.published(1)
    in_flight.published(2)
    begin = next(seconds)
    monkeypatch.setattr(flow_control.time, 'monotonic', monotonic)
    assert not in_flight.wait(100.0, threading.Event())
    assert next(seconds) - begin > 100


def test_a_stop_ends_the_waiting():
    in_flight, stop = InFlight(1), threading.Event()
    in_flight.published(1)
    stop.set()
    assert in_flight.wait(60.0, stop)


def test_the_end_of_a_file_waits_for_every_result():
    in_flight, stop = InFlight(4), threading.Event()
    in_flight.published(1)
    in_flight.published(2)
    waited = []
    waiter = threading.Thread(target=lambda: waited.append(in_flight.wait_for_all(60.0, stop)))
    waiter.start()
    in_flight.acknowledged(1)
    assert not waited
    in_flight.acknowledged(2)
    waiter.join(60.0)
    assert waited == [True]


def test_the_end_of_a_file_gives_up_results_that_do_not_come():
    in_flight = InFlight(4)
    in_flight.published(1)
    assert not in_flight.wait_for_all(0.0, threading.Event())
    assert InFlight(0).wait_for_all(60.0, threading.Event())
