"""Every frame of a session is accounted for, in bounded memory."""

from emotion_bringup.session import frame_counter
from emotion_bringup.session.frame_counter import FrameCounter


def test_counts_what_was_published_and_not_processed():
    frames = FrameCounter()
    for stamp in (10, 20, 30):
        frames.frame_published(stamp)
    frames.result_received(20)
    assert (frames.published, frames.missing) == (3, 2)


def test_latency_counts_from_the_publication_not_from_the_stamp():
    times = iter([100.0, 100.25])
    frames = FrameCounter(clock=lambda: next(times))
    frames.frame_published(1)
    assert frames.result_received(1) == 250.0


def test_an_result_may_overtake_its_camera_info():
    frames = FrameCounter()
    assert frames.result_received(1) is None
    frames.frame_published(1)
    assert (frames.published, frames.missing) == (1, 0)


def test_a_long_live_session_remembers_a_bounded_number(monkeypatch):
    monkeypatch.setattr(frame_counter, '_MAX_OPEN', 100)
    frames = FrameCounter()
    for stamp in range(1000):
        frames.frame_published(stamp)
    assert (frames.published, frames.missing) == (1000, 100)
