"""The demo clip: what it shows, where, and how the shipped model reads it."""

import numpy as np
import pytest

from emotion_perception.networks import load_networks
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.sources import DemoSource, demo
from emotion_perception.sources.demo.expressions import with_expression
from emotion_perception.sources.demo.portraits import COLLINS, HOPPER


@pytest.fixture(scope='module')
def clip():
    return list(DemoSource())


def test_clip_is_the_same_every_time_and_has_its_size(clip):
    assert len(clip) == demo.FRAME_COUNT == 240
    assert [frame.index for frame in clip] == list(range(240))
    assert clip[0].image.shape == (480, 640, 3)
    assert clip[30].stamp_ns == 1_000_000_000
    for frame, again in zip(clip, DemoSource(), strict=True):
        np.testing.assert_array_equal(frame.image, again.image)


def test_clip_has_one_and_two_faces_of_many_sizes():
    counts = [demo.faces_expected(index) for index in range(demo.FRAME_COUNT)]
    assert counts.count(2) > demo.FRAME_COUNT / 2
    assert counts.count(1) > 30
    assert counts[-1] == 2
    heights = [box.height for index in range(demo.FRAME_COUNT) for box in demo.face_boxes(index)]
    assert min(heights) < 150
    assert max(heights) > 210


def test_clip_shows_four_emotions_on_two_faces_which_the_shipped_model_reads(clip):
    pipeline = EmotionPipeline(load_networks())
    seen = {}
    for frame in clip[::3]:
        if demo.has_partial_face(frame.index):
            continue
        found = pipeline.process(frame.image, frame.stamp_ns)
        assert len(found) == demo.faces_expected(frame.index)
        for face in found:
            is_left = face.box.center[0] < demo.WIDTH / 2
            if face.confidence > 0.5:
                seen.setdefault('Collins' if is_left else 'Hopper', set()).add(face.emotion)
    assert seen == {
        'Collins': {'Happy', 'Surprise', 'Sad'},
        'Hopper': {'Neutral', 'Happy', 'Surprise'},
    }


def test_boxes_hold_the_faces_of_the_portraits(clip):
    """The middle of each face is compared with that of its portrait."""

    def middle(image, box):
        x, y = (int(v) for v in box.center)
        w, h = int(box.width / 4), int(box.height / 4)
        return image[y - h : y + h, x - w : x + w].mean(axis=(0, 1))

    wanted = [middle(person.photograph(), person.face) for person in (HOPPER, COLLINS)]
    for frame in clip:
        if demo.has_partial_face(frame.index):
            continue
        for box in demo.face_boxes(frame.index):
            found = middle(frame.image, box)
            assert min(np.abs(found - color).max() for color in wanted) < 30


def test_expressions_move_the_face_and_nothing_far_from_it():
    for person in (COLLINS, HOPPER):
        photograph = person.photograph()
        for expression in person.expressions.values():
            changed = with_expression(photograph, person.rig, expression)
            height, width = photograph.shape[:2]
            face = person.face
            outside = np.ones((height, width), bool)
            left, top = int(face.x - face.width / 2), int(face.y - face.height / 2)
            outside[max(top, 0) : top + int(2 * face.height), left : left + int(2 * face.width)] = 0
            np.testing.assert_array_equal(changed[outside], photograph[outside])
            assert np.array_equal(changed, photograph) == (not expression)
