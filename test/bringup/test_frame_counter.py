"""Every frame of a session is accounted for, in bounded memory."""

import pytest

from emotion_bringup.session import frame_counter
from emotion_bringup.session.frame_counter import FrameCounter

SENT_NS = 1_700_000_000_000_000_000
QUARTER_SECOND_NS = 250_000_000


def test_counts_what_was_published_and_not_processed():
    frames = FrameCounter()
    for stamp in (10, 20, 30):
        frames.frame_published(stamp, SENT_NS)
    frames.result_received(20, SENT_NS)
    assert (frames.published, frames.missing) == (3, 2)


def test_latency_counts_from_the_publication_not_from_the_stamp():
    frames = FrameCounter()
    assert frames.frame_published(1, SENT_NS) is None
    assert frames.result_received(1, SENT_NS + QUARTER_SECOND_NS) == 250.0


def test_a_result_may_overtake_its_camera_info_and_has_its_latency_nevertheless():
    frames = FrameCounter()
    assert frames.result_received(1, SENT_NS + QUARTER_SECOND_NS) is None
    assert frames.frame_published(1, SENT_NS) == 250.0
    assert (frames.published, frames.missing) == (1, 0)


@pytest.mark.parametrize(('frame_ns', 'result_ns'), [(0, SENT_NS), (SENT_NS, 0)])
def test_middleware_that_tells_no_times_gives_no_latency(frame_ns, result_ns):
    frames = FrameCounter()
    frames.frame_published(1, frame_ns)
    assert frames.result_received(1, result_ns) is None
    assert frames.missing == 0


def test_a_long_live_session_remembers_a_bounded_number(monkeypatch):
    monkeypatch.setattr(frame_counter, '_MAX_OPEN', 100)
    frames = FrameCounter()
    for stamp in range(1000):
        frames.frame_published(stamp, SENT_NS)
    assert (frames.published, frames.missing) == (1000, 100)
