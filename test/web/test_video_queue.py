"""Videos take their turns."""

from threading import Event, Thread

import pytest

from emotion_viewers.web.video_queue import VideoQueue


class Job:
    """A thread that waits for its turn and works until it is released."""

    def __init__(self, queue, done):
        self.before, self.waits, self.works, self.released = [], Event(), Event(), Event()
        self._queue, self._done = queue, done
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with self._queue.turn(self._on_wait):
            self.works.set()
            self.released.wait()
            self._done.append(self)

    def _on_wait(self, before):
        self.before.append(before)
        self.waits.set()

    def release(self):
        self.released.set()
        self._thread.join()


def test_videos_have_their_turns_in_the_order_of_their_coming():
    queue, done = VideoQueue(2), []
    first, second = Job(queue, done), Job(queue, done)
    for job in (first, second):
        job.works.wait()
    third = Job(queue, done)
    third.waits.wait()
    fourth = Job(queue, done)
    fourth.waits.wait()
    assert (third.before[0], fourth.before[0]) == (2, 3)
    second.release()
    third.works.wait()
    assert not fourth.works.is_set()
    for job in (first, fourth, third):
        job.release()
    assert done == [second, first, fourth, third]
    assert first.before == second.before == []


def test_who_gives_up_leaves_the_place_to_the_next():
    queue, done = VideoQueue(1), []
    first = Job(queue, done)
    first.works.wait()

    def give_up(_before):
        raise KeyError

    with pytest.raises(KeyError), queue.turn(give_up):
        pass
    with pytest.raises(ZeroDivisionError):
        first.release()
        with queue.turn(give_up):
            raise ZeroDivisionError
    Job(queue, done).release()
    assert len(done) == 2
