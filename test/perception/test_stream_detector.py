"""Real faces of a stream by the real detector, in turn with whole images and in the background."""

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from emotion_perception.detection import create_detector
from emotion_perception.detection.search_turns import SearchTurns
from emotion_perception.detection.stream import BackgroundDetection, StreamDetector
from emotion_perception.heads.following import MeshFollower
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.settings.tables import BY_TIME
from emotion_perception.types import Box, iou_matrix

FRAME_NS = 33_333_333
FACE = Box(181, 58, 89, 120)


@dataclass(frozen=True)
class Settings:
    detect_every_n: int = 3
    face_score_threshold: float = 0.5
    min_face_size: int = 24
    max_detection_side: int = 480


class Watched:
    """A real detector; counts its looks and, in the background, waits to be allowed to."""

    def __init__(self, detector):
        self._detector = detector
        self.name = detector.name
        self.whole = self.near = 0
        self.allowed = threading.Event()
        self.other = None

    def detect(self, image, score_threshold, min_face_size, max_side):
        self.whole += 1
        return self._detector.detect(image, score_threshold, min_face_size, max_side)

    def detect_near(self, image, faces, score_threshold):
        self.near += 1
        return self._detector.detect_near(image, faces, score_threshold)

    def clone(self):
        self.other = Behind(self, self._detector.clone())
        return self.other


class Blindfolded:
    """Loses every face."""

    def follow(self, image, faces):
        return [None] * len(faces)


class Behind(Watched):
    def __init__(self, owner, detector):
        super().__init__(detector)
        self._owner = owner

    def detect(self, image, score_threshold, min_face_size, max_side):
        assert self._owner.allowed.wait(60)
        return super().detect(image, score_threshold, min_face_size, max_side)


@pytest.fixture(scope='module')
def detector():
    return create_detector('centerface', ProviderSettings(('cpu',)))


@pytest.fixture
def watched(detector):
    return Watched(detector)


@pytest.fixture(scope='module')
def follower():
    return MeshFollower(HeadNetworks())


@pytest.fixture
def blank(portrait):
    return np.full_like(portrait, 127)


@pytest.fixture
def beside(watched, follower):
    """A detector with a thread."""
    detector = StreamDetector(watched, follower, in_background=True)
    yield Stream(detector)
    watched.allowed.set()
    detector.close()


class Stream:
    def __init__(self, detector):
        self.detector, self._stamp, self._known = detector, 0, []

    def find(self, image, settings=Settings(), step=FRAME_NS):
        self._stamp += step
        faces = self.detector.find(image, self._stamp, self._known, settings)
        self._known = faces
        return faces

    def reset(self):
        self.detector.reset()
        self._known = []


def moving(portrait, count):
    """The portrait on its way to the lower right, slowly growing."""
    size = (portrait.shape[1], portrait.shape[0])
    for number in range(count):
        matrix = cv2.getRotationMatrix2D(FACE.center, 0, 1 + 0.01 * number)
        matrix[:, 2] += (4 * number, 2 * number)
        yield cv2.warpAffine(portrait, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def overlap(first, second):
    return iou_matrix([first], [second])[0, 0]


# --- in turn -----------------------------------------------------------------------------------


def test_faces_are_found_between_searches(detector, watched, portrait, follower):
    stream = Stream(StreamDetector(watched, follower))
    for number, image in enumerate(moving(portrait, 10)):
        (face,) = stream.find(image)
        (wanted,) = detector.detect(image, 0.5, 24)
        assert overlap(face.box, wanted.box) >= 0.75
        points = np.abs(face.landmarks - wanted.landmarks).mean()
        assert points < 0.08 * wanted.box.width
        assert watched.whole == 1 + number // 3


def test_every_image_is_searched_where_that_is_asked(detector, watched, portrait, follower):
    stream = Stream(StreamDetector(watched, follower))
    for image in moving(portrait, 3):
        found = stream.find(image, Settings(detect_every_n=1))
        (wanted,) = detector.detect(image, 0.5, 24)
        assert found[0].box == wanted.box
    assert (watched.whole, watched.near) == (3, 0)


def test_a_new_face_is_found_at_the_next_search(watched, portrait, blank, follower):
    stream = Stream(StreamDetector(watched, follower))
    counts = [len(stream.find(image)) for image in [blank, portrait, portrait, portrait]]
    assert counts == [0, 0, 0, 1]


def test_a_face_that_vanishes_is_gone_at_once(watched, portrait, blank, follower):
    stream = Stream(StreamDetector(watched, follower))
    settings = Settings(detect_every_n=100)
    counts = [len(stream.find(image, settings)) for image in [portrait, portrait, blank, blank]]
    assert counts == [1, 1, 0, 0]
    assert watched.whole == 2


def test_a_face_that_only_the_detector_sees_is_kept(watched, portrait):
    stream = Stream(StreamDetector(watched, Blindfolded()))
    settings = Settings(detect_every_n=100)
    assert [len(stream.find(image, settings)) for image in moving(portrait, 4)] == [1] * 4
    assert (watched.whole, watched.near) == (1, 3)


def test_by_time_it_is_searched_less_where_somebody_is_there(watched, follower, portrait, blank):
    stream = Stream(StreamDetector(watched, follower))
    settings = Settings(detect_every_n=BY_TIME)
    searched = []
    for number in range(41):
        before = watched.whole
        stream.find(blank if number < 7 else portrait, settings)
        if watched.whole > before:
            searched.append(number)
    assert searched == [0, 5, 10, 40]


def test_by_time_images_of_a_slow_camera_are_searched_as_often(watched, follower, portrait):
    stream = Stream(StreamDetector(watched, follower))
    for _ in range(11):
        stream.find(portrait, Settings(detect_every_n=BY_TIME), step=200_000_000)
    assert watched.whole == 3


@pytest.mark.parametrize('step', [300_000_000, 3_600_000_000_000])
def test_after_a_pause_the_whole_image_is_searched(watched, portrait, blank, step, follower):
    stream = Stream(StreamDetector(watched, follower))
    counts = [len(stream.find(image, step=step)) for image in [blank, portrait, blank, portrait]]
    assert counts == [0, 1, 0, 1]


def test_another_size_of_image_is_searched(watched, portrait, follower):
    stream = Stream(StreamDetector(watched, follower))
    half = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    assert [len(stream.find(image)) for image in [portrait, half, portrait]] == [1, 1, 1]
    assert watched.whole == 3


def test_a_crowd_is_searched_as_a_whole(watched, portrait, follower):
    tile = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    crowd = np.tile(tile, (3, 4, 1))
    stream = Stream(StreamDetector(watched, follower))
    settings = Settings(detect_every_n=100)
    assert [len(stream.find(crowd, settings)) for _ in range(3)] == [12, 12, 12]
    assert (watched.whole, watched.near) == (3, 0)


def test_two_places_of_one_face_become_one(watched, portrait, follower):
    detector = StreamDetector(watched, follower)
    (face,) = detector.find(portrait, 0, [], Settings())
    assert len(detector.find(portrait, FRAME_NS, [face, face], Settings())) == 1


# --- beside ------------------------------------------------------------------------------------


def wait_for_look(stream, watched):
    """Lets the search that goes on come to its end."""
    watched.allowed.set()
    look = stream.detector._background._look
    look.exception(60)
    watched.allowed.clear()


def test_a_search_beside_delays_no_result(beside, watched, portrait):
    results = [beside.find(image) for image in moving(portrait, 12)]
    assert [len(faces) for faces in results] == [1] * 12
    # Only the first image, when no face was known, had to wait.
    assert watched.whole == 1 and watched.other.whole == 0


def test_a_face_found_beside_joins(beside, watched, two_faces, portrait):
    alone = two_faces.copy()
    alone[:, 512:] = 127
    assert len(beside.find(alone)) == 1
    assert [len(beside.find(two_faces)) for _ in range(3)] == [1, 1, 1]
    wait_for_look(beside, watched)
    assert len(beside.find(two_faces)) == 2
    assert watched.whole == 1


def test_a_face_not_found_beside_is_dropped(beside, watched, portrait):
    """What near looks take for a face does not outlive the whole image's verdict."""
    for _ in range(4):
        beside.find(portrait)
    watched.other._detector = Blind()
    wait_for_look(beside, watched)
    assert beside.find(portrait) == []


def test_a_search_of_an_earlier_stream_counts_no_more(beside, watched, portrait, blank):
    for _ in range(4):
        beside.find(portrait)
    beside.reset()
    watched.allowed.set()
    assert [len(beside.find(blank)) for _ in range(4)] == [0] * 4


@pytest.mark.parametrize(('step', 'searches'), [(900_000_000, 1), (1_100_000_000, 2)])
def test_a_slow_machine_looks_where_faces_were(beside, watched, portrait, step, searches):
    """To search after each long pause would make every pause as long."""
    assert [len(beside.find(portrait, step=step)) for _ in range(2)] == [1, 1]
    assert watched.whole == searches


def test_what_is_lost_in_a_long_pause_is_searched_for(beside, watched, portrait):
    watched.allowed.set()
    away = np.roll(portrait, 200, axis=1)
    assert len(beside.find(portrait)) == 1
    (face,) = beside.find(away, step=900_000_000)
    assert watched.whole == 2
    assert face.box.x > FACE.x + 150


def test_a_search_waits_for_the_one_beside(beside, watched, portrait, blank):
    for _ in range(4):
        beside.find(portrait)
    watched.allowed.set()
    assert beside.find(blank) == []
    assert (watched.whole, watched.other.whole) == (2, 1)


def test_what_fails_beside_is_told(beside, watched, portrait):
    for _ in range(4):
        beside.find(portrait)
    watched.other._detector = None
    wait_for_look(beside, watched)
    with pytest.raises(AttributeError):
        beside.find(portrait)
    assert len(beside.find(portrait)) == 1


class Blind:
    def detect(self, image, score_threshold, min_face_size, max_side):
        return []


def test_a_search_that_gets_no_turn_costs_no_face_and_comes_later(watched, follower, portrait):
    turns, settings = SearchTurns(), Settings(detect_every_n=BY_TIME)
    detector = StreamDetector(watched, follower, in_background=True, search_turns=turns)
    stream = Stream(detector)
    watched.allowed.set()
    try:
        assert len(stream.find(portrait, settings)) == 1
        assert turns.take()  # another camera's
        for _ in range(40):
            assert len(stream.find(portrait, settings)) == 1
        assert watched.other.whole == 0
        turns.give_back()
        stream.find(portrait, settings)
        detector._background.finish()
        assert watched.other.whole == 1
        assert len(stream.find(portrait, settings)) == 1
    finally:
        detector.close()


def test_an_empty_image_is_searched_in_turn(watched, follower, portrait, blank):
    turns, settings = SearchTurns(), Settings(detect_every_n=BY_TIME)
    detector = StreamDetector(watched, follower, in_background=True, search_turns=turns)
    stream = Stream(detector)
    try:
        assert stream.find(blank, settings) == []
        assert watched.whole == 1  # the first image of a stream waits for nobody
        assert turns.take()
        assert [stream.find(portrait, settings) for _ in range(10)] == [[]] * 10
        assert watched.whole == 1
        turns.give_back()
        assert len(stream.find(portrait, settings)) == 1
        assert turns._is_taken is False
    finally:
        detector.close()


def test_where_nothing_may_be_lost_no_turn_is_needed(watched, follower, portrait, blank):
    turns = SearchTurns()
    stream = Stream(StreamDetector(watched, follower, search_turns=turns))
    assert turns.take()
    counts = [len(stream.find(image)) for image in [blank, blank, blank, portrait]]
    assert counts == [0, 0, 0, 1]


def test_two_streams_take_turns(watched, portrait):
    turns = SearchTurns(share=1.0)
    background = BackgroundDetection(watched.clone(), turns)
    waiting = BackgroundDetection(watched.clone(), turns)
    assert background.start(portrait, 0.5, 24, 480)
    assert not waiting.start(portrait, 0.5, 24, 480)
    watched.allowed.set()
    background.finish()
    assert turns.take()
    for each in (background, waiting):
        each.close()


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_after_a_search_there_is_a_rest_by_its_cpu_time():
    clock = Clock()
    turns = SearchTurns(share=0.25, clock=clock)
    assert turns.take()
    clock.now += 5  # it waited for other work
    turns.give_back(cpu_s=0.02)
    clock.now += 0.059
    assert not turns.take()
    clock.now += 0.002
    assert turns.take()
    assert not turns.take()
    turns.give_back()
    assert turns.take()
