"""Which faces are there, and how long something is kept for each."""

import pytest

from emotion_bringup.interop.presence import FaceRegistry, NamedFaces

SECOND = 1_000_000_000
FRAME = SECOND // 30


class Log:
    """Notes what was made and what was ended."""

    def __init__(self):
        self.alive = []
        self.made = []
        self.registry = FaceRegistry(self._make, self.alive.remove)

    def _make(self, face_id):
        self.made.append(face_id)
        self.alive.append(face_id)
        return face_id


@pytest.fixture
def log():
    return Log()


def test_ids_start_with_a_letter_and_name_the_track(log):
    log.registry.update(SECOND, [3, 12])
    assert log.registry.ids == ['f3', 'f12']
    assert log.made == ['f3', 'f12']


def test_a_face_is_gone_from_the_first_image_without_it(log):
    log.registry.update(SECOND, [1, 2])
    log.registry.update(SECOND + FRAME, [2])
    assert log.registry.ids == ['f2']


def test_a_missed_detection_keeps_what_belongs_to_the_face(log):
    for number in range(90):
        log.registry.update(SECOND + number * FRAME, [] if number % 3 else [1])
    assert log.made == ['f1']
    assert log.alive == ['f1']


def test_what_belongs_to_a_face_ends_when_its_track_cannot_come_back(log):
    log.registry.update(SECOND, [1])
    log.registry.update(2 * SECOND, [])
    assert log.alive == ['f1']
    log.registry.update(2 * SECOND + 1, [])
    assert log.alive == []


def test_faces_that_come_and_go_leave_nothing_behind(log):
    for number in range(10_000):
        log.registry.update(number * SECOND // 10, [number])
    assert len(log.alive) <= 11
    assert len(log.registry.kept) == len(log.alive)


def test_after_time_went_back_the_same_number_is_another_face(log):
    log.registry.update(9 * SECOND, [1])
    log.registry.update(SECOND, [1])
    assert log.registry.ids == ['f1r1']
    assert log.alive == ['f1r1']
    log.registry.update(0, [1])
    assert log.registry.ids == ['f1r2']


def test_time_that_goes_back_after_the_last_face_has_left_gives_new_ids_too(log):
    log.registry.update(SECOND, [1])
    log.registry.update(9 * SECOND, [])
    log.registry.update(SECOND, [1])
    assert log.made == ['f1', 'f1r1']


def test_a_reset_without_faces_changes_no_id(log):
    log.registry.reset()
    log.registry.update(SECOND, [1])
    assert log.registry.ids == ['f1']


def test_a_cleared_registry_knows_the_same_tracks_again(log):
    log.registry.update(SECOND, [1])
    log.registry.clear()
    assert log.alive == []
    assert log.registry.ids == []
    log.registry.update(SECOND + FRAME, [1])
    assert log.registry.ids == ['f1']


def test_an_image_that_comes_a_little_late_still_finds_its_face(log):
    log.registry.update(5 * SECOND, [1])
    assert log.registry.find(1, 5 * SECOND - FRAME) == 'f1'
    assert log.registry.find(1, 3 * SECOND) is None
    assert log.registry.find(2, 5 * SECOND) is None


# --- faces that somebody else names --------------------------------------------------------------


class NamedLog(Log):
    """The same for faces that come with their ids."""

    def __init__(self):
        super().__init__()
        self.registry = NamedFaces(self._make, self.alive.remove)


@pytest.fixture
def named():
    return NamedLog()


def test_named_faces_keep_their_ids(named):
    named.registry.update(SECOND, ['bd34a', 'x', 'x'])
    assert sorted(named.made) == ['bd34a', 'x']
    assert sorted(named.registry.kept) == ['bd34a', 'x']


def test_a_named_face_outlives_a_short_absence(named):
    for number in range(90):
        named.registry.update(SECOND + number * FRAME, [] if number % 3 else ['x'])
    assert named.made == named.alive == ['x']


def test_a_named_face_ends_a_second_after_it_was_there_last(named):
    named.registry.update(SECOND, ['x'])
    named.registry.update(9 * SECOND, [])
    assert named.alive == []
    named.registry.update(10 * SECOND, ['x'])
    assert named.made == ['x', 'x']


def test_a_named_face_stays_while_nothing_new_is_said_of_it(named):
    """A tracker may publish its list only when it changes."""
    named.registry.update(SECOND, ['x'])
    named.registry.forget_gone(60 * SECOND)
    named.registry.update(60 * SECOND + FRAME, [])
    assert named.alive == ['x']
    named.registry.forget_gone(62 * SECOND)
    assert named.alive == []


def test_named_faces_that_come_and_go_leave_nothing_behind(named):
    for number in range(10_000):
        named.registry.update(number * SECOND // 10, [f'f{number}'])
    assert len(named.alive) <= 12
    assert len(named.registry.kept) == len(named.alive)
