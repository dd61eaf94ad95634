"""Images of 1280x720 between two processes, best effort, over the shipped DDS profile."""

from pathlib import Path

from processes import finish, start

PEER = str(Path(__file__).with_name('transport_peer.py'))
SENT = 100
# A best-effort reader gets what is sent after the two have found each other.
FIRST_FEW = 10


def test_720p_images_arrive_best_effort():
    subscriber, publisher = (start([PEER, role]) for role in ('subscribe', 'publish'))
    try:
        code, _, err = finish(publisher)
        assert code == 0, err
        code, out, err = finish(subscriber)
        assert code == 0, err
    finally:
        subscriber.kill()
        publisher.kill()
    received = [int(number) for number in out.split()]
    assert received == sorted(set(received))
    assert len(received) >= SENT - FIRST_FEW
