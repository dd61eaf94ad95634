"""Drawing: readable on any image, harmless to any input."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color as skimage_color
from skimage import data

from emotion_perception.drawing import (
    EMOTION_COLORS,
    UNCERTAIN_COLOR,
    OverlayStyle,
    draw_faces,
    emotion_color,
)
from emotion_perception.drawing.chart import ChartSize, draw_chart
from emotion_perception.drawing.emoji import emoji_sprite
from emotion_perception.drawing.layout import (
    Surroundings,
    chart_corners,
    face_label,
    label_corners,
    small_label,
)
from emotion_perception.drawing.sprite import paste
from emotion_perception.drawing.style import contrast_with_white, readable, text_size
from emotion_perception.errors import ImageFormatError
from emotion_perception.labels import Emotion
from emotion_perception.types import Box, Face

SIZES = [(320, 240), (640, 480), (1280, 720), (1920, 1080)]
ALL_IDS = [*Emotion, None]
BOX = Box(177, 64, 96, 122)  # of the face in the portrait
LANDMARKS = np.array([[207, 107], [243, 107], [226, 128], [209, 149], [243, 148]], np.float32)


@pytest.fixture(scope='module')
def portrait():
    image = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    image.flags.writeable = False
    return image


def make_face(emotion_id=Emotion.HAPPY, box=BOX, track_id=3, confidence=0.87):
    probabilities = np.full(7, (1 - confidence) / 6, np.float32)
    probabilities[emotion_id if emotion_id is not None else 0] = confidence
    return Face(track_id, box, 0.98, LANDMARKS, emotion_id, confidence, probabilities)


def changed(before, after):
    return np.any(before != after, axis=2)


def inside(box, shape):
    mask = np.zeros(shape[:2], bool)
    mask[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] = True
    return mask


def shrunk(box, by):
    return Box(box.x + by, box.y + by, box.width - 2 * by, box.height - 2 * by)


def test_source_is_read_only_and_unchanged(portrait):
    copy = portrait.copy()
    drawn = draw_faces(portrait, [make_face()])
    assert np.array_equal(portrait, copy)
    assert drawn.flags.writeable
    assert changed(portrait, drawn).any()


def test_view_with_strides_is_drawn_like_its_copy(portrait):
    view = portrait[:, ::-1]
    faces = [make_face()]
    assert np.array_equal(draw_faces(view, faces), draw_faces(view.copy(), faces))


def test_no_face_changes_nothing(portrait):
    drawn = draw_faces(portrait, [])
    assert np.array_equal(drawn, portrait)
    assert not np.shares_memory(drawn, portrait)


@pytest.mark.parametrize('emotion_id', ALL_IDS)
def test_box_has_the_emotions_color(portrait, emotion_id):
    drawn = draw_faces(portrait, [make_face(emotion_id)], OverlayStyle(labels=False, bars=False))
    for x, y in ((BOX.x + 48, BOX.y), (BOX.x + 48, BOX.y + 122), (BOX.x, BOX.y + 61)):
        assert tuple(drawn[int(y), int(x)]) == emotion_color(emotion_id)


def test_face_itself_stays_visible(portrait):
    drawn = draw_faces(portrait, [make_face()])
    assert not (changed(portrait, drawn) & inside(shrunk(BOX, 8), portrait.shape)).any()


@pytest.mark.parametrize(('width', 'height'), SIZES)
def test_size_follows_the_image(portrait, width, height):
    scale = height / 512
    box = Box(BOX.x * scale, BOX.y * scale, BOX.width * scale, BOX.height * scale)
    label = face_label(make_face(box=box), text_size(width, height, 1.0))
    assert 0.03 * height < label.height < 0.09 * height
    assert label.width < 0.5 * width
    image = cv2.resize(portrait, (width, height))
    assert changed(image, draw_faces(image, [make_face(box=box)])).any()


def test_scale_enlarges():
    assert text_size(640, 480, 2.0) > text_size(640, 480, 1.0) > text_size(640, 480, 0.5)


def test_landmarks_are_optional(portrait):
    plain = OverlayStyle(labels=False, bars=False)
    dotted = OverlayStyle(labels=False, bars=False, landmarks=True)
    without = draw_faces(portrait, [make_face()], plain)
    with_dots = draw_faces(portrait, [make_face()], dotted)
    for x, y in LANDMARKS.astype(int):
        assert np.array_equal(without[y, x], portrait[y, x])
        assert tuple(with_dots[y, x]) == emotion_color(Emotion.HAPPY)


def test_status_is_at_the_bottom_left(portrait):
    touched = changed(portrait, draw_faces(portrait, [], status='29.7 fps'))
    rows, columns = np.nonzero(touched)
    assert rows.min() > 0.9 * 512
    assert columns.max() < 0.4 * 512


def test_the_target_has_brackets_in_its_box(portrait):
    faces = [make_face(), make_face(box=Box(300, 300, 90, 90), track_id=4)]
    style = OverlayStyle(labels=False, bars=False)
    plain, marked, other = (
        draw_faces(portrait, faces, style, target=target) for target in (None, 3, 9)
    )
    assert np.array_equal(other, plain)
    touched = changed(plain, marked)
    assert touched.sum() > 200
    assert not touched[~inside(BOX, portrait.shape)].any()
    assert (marked[touched] == 255).all(axis=1).any()
    # The middle of the face stays free.
    assert not touched[inside(shrunk(BOX, 24), portrait.shape)].any()


def test_label_tells_uncertain_and_percent_apart():
    captions = {
        face_label(make_face(e, confidence=c), 16).parts[1].color.tobytes()
        for e in ALL_IDS
        for c in (0.2, 0.87)
    }
    assert len(captions) == 2 * len(ALL_IDS)


@pytest.mark.parametrize('confidence', [float('nan'), -0.5, 1.5])
def test_odd_confidence_is_drawn(portrait, confidence):
    assert draw_faces(portrait, [make_face(confidence=confidence)]).shape == portrait.shape


@pytest.mark.parametrize(
    'box',
    [
        Box(-50, -60, 96, 122),
        Box(470, 460, 96, 122),
        Box(-100, 200, 900, 60),
        Box(-2e9, -2e9, 4e9, 4e9),
        Box(0, 0, 512, 512),
        Box(200, 200, 0.5, 0.5),
    ],
)
def test_box_partly_outside(portrait, box):
    assert changed(portrait, draw_faces(portrait, [make_face(box=box)], status='x')).any()


@pytest.mark.parametrize(
    'box',
    [
        Box(-200, 10, 96, 122),
        Box(600, 10, 96, 122),
        Box(10, 513, 96, 122),
        Box(float('nan'), 0, 10, 10),
        Box(0, 0, float('inf'), 10),
        Box(10, 10, 0, 0),
    ],
)
def test_box_with_nothing_to_see_is_left_out(portrait, box):
    assert np.array_equal(draw_faces(portrait, [make_face(box=box)]), portrait)


@pytest.mark.parametrize('shape', [(1, 1, 3), (1, 300, 3), (300, 1, 3), (0, 0, 3), (0, 5, 3)])
def test_tiny_images(shape):
    image = np.zeros(shape, np.uint8)
    assert draw_faces(image, [make_face(box=Box(0, 0, 1, 1))], status='status').shape == shape


def test_many_faces(portrait):
    faces = [
        make_face(ALL_IDS[i % 8], Box(100.0 * (i % 7) - 40, 70.0 * (i // 7) - 20, 60, 70), i)
        for i in range(50)
    ]
    drawn = draw_faces(portrait, faces, OverlayStyle(landmarks=True), 'fifty')
    assert changed(portrait, drawn).mean() > 0.1


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    boxes=st.lists(
        st.builds(
            Box,
            st.floats(-500, 500),
            st.floats(-500, 500),
            st.floats(0.01, 800),
            st.floats(0.01, 800),
        ),
        max_size=6,
    ),
)
def test_any_boxes_on_any_image(size, boxes):
    image = np.full((*size, 3), 99, np.uint8)
    faces = [make_face(ALL_IDS[i], box, i) for i, box in enumerate(boxes)]
    assert draw_faces(image, faces, status='status', target=0).shape == image.shape
    assert (image == 99).all()


@pytest.mark.parametrize(
    'image',
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_other_formats_are_refused(image):
    with pytest.raises(ImageFormatError, match='convert it to uint8'):
        draw_faces(image, [])


def test_tiny_face_gets_no_chart(portrait):
    faces = [make_face(box=Box(200, 200, 47, 47))]
    with_bars = draw_faces(portrait, faces)
    assert np.array_equal(with_bars, draw_faces(portrait, faces, OverlayStyle(bars=False)))


@pytest.mark.parametrize('x', [0, 200, 416])
@pytest.mark.parametrize('y', [0, 200, 390])
def test_chart_is_whole_wherever_the_face_is(portrait, x, y):
    faces = [make_face(None, Box(x, y, 96, 122))]
    without = draw_faces(portrait, faces, OverlayStyle(bars=False))
    rows, columns = np.nonzero(changed(without, draw_faces(portrait, faces)))
    size = ChartSize.beside(122, text_size(512, 512, 1.0))
    assert rows.max() - rows.min() + 1 == size.height
    assert columns.max() - columns.min() + 1 == size.width


def test_chart_and_label_keep_off_the_neighbour(portrait):
    neighbour = Box(BOX.x + BOX.width + 8, BOX.y, 96, 122)
    plain = OverlayStyle(labels=False, bars=False)
    faces = [make_face(box=BOX), make_face(Emotion.SAD, neighbour, 4)]
    touched = changed(draw_faces(portrait, faces, plain), draw_faces(portrait, faces))
    for box in (BOX, neighbour):
        assert not (touched & inside(box, portrait.shape)).any()


def test_chart_gives_way_where_there_is_no_room():
    image = np.full((130, 420, 3), 200, np.uint8)
    faces = [make_face(box=Box(5 + 103 * i, 5, 100, 120), track_id=i) for i in range(4)]
    assert np.array_equal(
        draw_faces(image, faces), draw_faces(image, faces, OverlayStyle(bars=False))
    )


def test_bars_are_as_long_as_their_probabilities():
    probabilities = np.array([0.0, 0.05, 0.1, 0.5, 0.05, 0.3, 0.0], np.float32)
    image = np.full((300, 300, 3), 30, np.uint8)
    size = ChartSize(20)
    draw_chart(image, probabilities, Emotion.HAPPY, size, (10, 10))
    for emotion, probability in zip(Emotion, probabilities, strict=True):
        top = 10 + size.padding + emotion * size.row
        row = image[top + size.row // 2, 10 + size.bar_left :][: size.bar_length]
        length = np.all(row == EMOTION_COLORS[emotion], axis=1).sum()
        assert length == round(float(probability) * size.bar_length)


def test_label_goes_below_a_face_at_the_top():
    surroundings = Surroundings(640, 480, [Box(100, 0, 100, 120)])
    corner, cost = surroundings.best_corner(
        label_corners(Box(100, 0, 100, 120), 140, 27, 3), 140, 27, 0
    )
    assert corner == (100, 123)
    assert cost == 0


def test_places_stay_inside_the_image():
    box = Box(600, 440, 100, 100)
    surroundings = Surroundings(640, 480, [box])
    for corners in (label_corners, chart_corners):
        (x, y), _ = surroundings.best_corner(corners(box, 150, 40, 3), 150, 40, 0)
        assert 0 <= x <= 490
        assert 0 <= y <= 440


def test_second_plate_avoids_the_first():
    box = Box(100, 100, 50, 50)
    surroundings = Surroundings(640, 480, [box, box])
    first, _ = surroundings.best_corner(label_corners(box, 140, 27, 3), 140, 27, 0)
    surroundings.occupy(first, 140, 27)
    second, cost = surroundings.best_corner(label_corners(box, 140, 27, 3), 140, 27, 1)
    assert cost == 0
    assert abs(second[1] - first[1]) >= 27 or abs(second[0] - first[0]) >= 140


def test_small_label_is_smaller():
    assert small_label(make_face(), 16).width < 0.7 * face_label(make_face(), 16).width


@pytest.mark.parametrize('size', [16, 24, 40])
def test_emojis_differ_in_shape_not_only_in_color(size):
    """Black-and-white copies of any two differ in over a twentieth of their pixels."""
    shapes = []
    for emotion_id in ALL_IDS:
        image = np.zeros((size, size, 3), np.uint8)
        paste(image, emoji_sprite(emotion_id, size), 0, 0)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        face_grey = np.dot(emotion_color(emotion_id), (0.114, 0.587, 0.299))
        shapes.append(grey < 0.6 * face_grey)
    for one, other in itertools.combinations(shapes, 2):
        assert (one != other).mean() > 0.05


# Full protanopia and deuteranopia on linear RGB: G. Machado et al., 'A Physiologically-based Model
# for Simulation of Color Vision Deficiency' (2009), severity 1.0.
DEFICIENCIES = {
    'none': np.eye(3),
    'protanopia': np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    'deuteranopia': np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


@pytest.mark.parametrize('deficiency', DEFICIENCIES)
def test_colors_differ_to_every_eye(deficiency):
    bgr = np.array([*EMOTION_COLORS.values(), UNCERTAIN_COLOR], float)
    srgb = bgr[:, ::-1] / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ DEFICIENCIES[deficiency].T, 0, 1)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = skimage_color.rgb2lab(encoded[None])[0]
    for one, other in itertools.combinations(lab, 2):
        assert skimage_color.deltaE_ciede2000(one, other) > 7


@pytest.mark.parametrize('emotion', Emotion)
def test_lines_on_white_paper_can_be_told_from_it(emotion):
    color = readable(EMOTION_COLORS[emotion])
    assert contrast_with_white(color) >= 3
    if contrast_with_white(EMOTION_COLORS[emotion]) >= 3:
        assert color == EMOTION_COLORS[emotion]


def test_contrast_is_that_of_wcag():
    assert contrast_with_white((255, 255, 255)) == pytest.approx(1)
    assert contrast_with_white((0, 0, 0)) == pytest.approx(21)
    assert contrast_with_white((118, 118, 118)) == pytest.approx(4.54, abs=0.01)
