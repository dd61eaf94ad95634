"""Small faces in large images, and heads that fill theirs: the real detector on made images."""

import cv2
import numpy as np
import pytest

from emotion_perception.api import analyse_still
from emotion_perception.detection import create_detector
from emotion_perception.detection.base import NO_BOUND
from emotion_perception.detection.pyramid import TILE, search_at
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.types import Box, Detection

FACE = Box(181, 58, 89, 120)


@pytest.fixture(scope='module')
def detector():
    return create_detector('centerface', ProviderSettings(('cpu',)))


def crowd(portrait, size, face_width, places):
    """A grey image with the portrait's face so many pixels wide, centred at the places."""
    width, height = size
    image = np.full((height, width, 3), 120, np.uint8)
    scale = face_width / FACE.width
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x, y = (round(scale * value) for value in FACE.center)
    reach = min(round(1.1 * face_width), x, y)
    part = small[y - reach : y + reach, x - reach : x + reach]
    for column, row in places:
        image[row - reach : row + reach, column - reach : column + reach] = part
    return image


def found_at(faces, places, within):
    return [
        sum(np.hypot(*np.subtract(face.box.center, place)) < within for face in faces)
        for place in places
    ]


@pytest.mark.parametrize('size', [(480, 360), (1280, 720), (2560, 1920)])
def test_every_face_of_the_wanted_size_is_found_once(detector, portrait, size):
    width, height = size
    places = [(round(width * a), round(height * b)) for a in (0.12, 0.5, 0.87) for b in (0.2, 0.8)]
    faces = detector.detect(crowd(portrait, size, 32, places), 0.5, 24, NO_BOUND)
    assert found_at(faces, places, 16) == [1] * len(places)
    assert len(faces) == len(places)


def test_faces_on_the_edge_of_a_tile_are_found_once(detector, portrait):
    """Every few pixels, so that some lie across every edge."""
    places = [(40 + 61 * n, 60 + 47 * n) for n in range(20)]
    faces = detector.detect(crowd(portrait, (1280, 1024), 32, places), 0.5, 24, NO_BOUND)
    assert found_at(faces, places, 16) == [1] * len(places)


def test_large_and_small_faces_of_one_image_are_found(detector, portrait):
    image = cv2.resize(portrait, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    small = crowd(portrait, (400, 400), 32, [(200, 200)])
    image[1600:2000, 1600:2000] = small
    faces = detector.detect(image, 0.5, 24, NO_BOUND)
    assert sorted(round(face.box.width, -2) for face in faces) == [0, 400]


def test_a_bound_leaves_small_faces_out(detector, portrait):
    places = [(640, 360)]
    image = crowd(portrait, (1280, 720), 32, places)
    assert not detector.detect(image, 0.5, 24, 480)
    assert len(detector.detect(image, 0.5, 24, 1280)) == 1


def test_photos_are_searched_without_a_bound(detector, portrait, tiny_model):
    image = crowd(portrait, (1280, 720), 32, [(640, 360)])
    classifier = EmotionClassifier(tiny_model)
    assert len(analyse_still(image, Networks(detector, classifier), PipelineSettings())) == 1


def blind(**found):
    """A network that finds what it is told by the side of its input, and counts its looks."""
    looks = []

    def search(image, size):
        looks.append(size)
        return found.get(f's{max(size)}', [])

    return search, looks


FOUND = [Detection(Box(0, 0, 290, 290), 0.9)]


def test_where_nothing_is_found_half_the_scale_is_tried():
    image = np.zeros((300, 400, 3), np.uint8)
    search, looks = blind(s200=FOUND)
    assert search_at(search, image, (400, 300)) == FOUND
    assert looks == [(400, 300), (200, 150)]
    small = [Detection(Box(0, 0, 90, 90), 0.9)]
    assert search_at(blind(s200=small)[0], image, (400, 300)) == []
    search, looks = blind(s400=FOUND)
    assert search_at(search, image, (400, 300)) == FOUND
    assert looks == [(400, 300)]


def test_no_input_is_larger_than_a_tile():
    search, looks = blind()
    assert search_at(search, np.zeros((3000, 4000, 3), np.uint8), (4000, 3000)) == []
    assert max(max(size) for size in looks) == TILE
    assert looks[0] == (500, 375)


def test_a_part_of_a_larger_face_is_none():
    whole, eye = Detection(Box(0, 0, 300, 300), 0.6), Detection(Box(90, 100, 60, 60), 0.9)
    beside = Detection(Box(310, 0, 60, 60), 0.7)
    search, _ = blind(s640=[whole, eye, beside])
    assert search_at(search, np.zeros((640, 640, 3), np.uint8), (640, 640)) == [whole, eye, beside]
    # At several scales the same network may take an eye of one scale for a face of another.
    found = search_at(
        lambda *_: [whole, eye, beside], np.zeros((641, 641, 3), np.uint8), (641, 641)
    )
    assert eye not in found
