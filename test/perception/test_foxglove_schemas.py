"""What Foxglove gets: annotations, results, images, recordings and the layouts."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import cv2
import numpy as np
import pytest
from awaiting import wait_for_files
from hypothesis import given
from hypothesis import strategies as st

from emotion_perception.bags.type_names import FACE_ARRAY_TYPE
from emotion_perception.drawing.style import emotion_color
from emotion_perception.files.bounded import left_beside
from emotion_perception.files.resources import config_path
from emotion_perception.labels import EMOTION_NAMES, emotion_name
from emotion_perception.types import Box, Face, Frame, pixel_box
from emotion_viewers.foxglove import schemas

pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
pytest.importorskip('mcap', reason='mcap is not installed: make foxglove-env')

from foxglove_client import corners, decode, protobuf_class, read_mcap
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader

from emotion_perception.cli.main import main
from emotion_perception.errors import OutputError
from emotion_viewers.foxglove import layout
from emotion_viewers.foxglove.messages import image_annotations
from emotion_viewers.foxglove.recorder import McapOutput

STAMP_NS = 1_700_000_000_123_456_789
POINTS = np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32)
PROBABILITIES = np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32)
HAPPY = Face(4, Box(181.0, 58.0, 89.0, 120.0), 0.9, POINTS, 3, 0.7, PROBABILITIES)
UNCERTAIN = Face(5, Box(300.0, 50.0, 40.0, 60.0), 0.8, None, None, 0.2, PROBABILITIES)


def annotations(faces, width=512, height=512):
    """The message as a viewer decodes it."""
    message = image_annotations(STAMP_NS, width, height, faces)
    schema = message.get_schema()
    return protobuf_class(schema.name, schema.data).FromString(message.encode())


def bgr(color):
    return tuple(round(255 * value) for value in (color.b, color.g, color.r))


def test_a_face_is_a_box_five_points_and_a_label_in_its_emotions_colour():
    message = annotations([HAPPY])
    assert (message.timestamp.seconds, message.timestamp.nanos) == divmod(STAMP_NS, 10**9)
    box, points = message.points
    assert corners(box) == [(181, 58), (270, 58), (270, 178), (181, 178)]
    assert box.type == box.LINE_LOOP
    assert bgr(box.outline_color) == emotion_color(3)
    assert {pair.key: pair.value for pair in box.metadata}['track_id'] == '4'
    assert corners(points) == [tuple(point) for point in POINTS.tolist()]
    assert points.type == points.POINTS
    (text,) = message.texts
    assert text.text == 'Happy 70 % #4'
    assert text.position.x == 181
    assert text.position.y < 58
    for part in (box, points, text):
        assert part.timestamp == message.timestamp


def test_an_uncertain_face_without_landmarks_is_a_grey_box():
    message = annotations([UNCERTAIN])
    (box,) = message.points
    assert bgr(box.outline_color) == emotion_color(None)
    assert message.texts[0].text == 'Uncertain 20 % #5'


def test_an_image_without_a_face_clears_the_view():
    message = annotations([])
    assert message.timestamp.seconds == STAMP_NS // 10**9
    assert not message.points
    assert not message.texts


def test_a_label_of_a_face_at_the_top_stays_in_the_image():
    face = Face(1, Box(-5.0, -9.0, 50.0, 60.0), 0.9, None, 3, 0.7, PROBABILITIES)
    message = annotations([face])
    assert min(min(point) for point in corners(message.points[0])) == 0
    assert message.texts[0].position.y >= message.texts[0].font_size


@given(
    faces=st.lists(
        st.builds(
            Face,
            st.integers(1, 2**32 - 1),
            st.builds(Box, *[st.floats(-1e4, 1e4)] * 2, *[st.floats(0.01, 1e4)] * 2),
            st.floats(0, 1),
            st.sampled_from([None, POINTS]),
            st.sampled_from([None, *range(7)]),
            st.floats(0, 1),
            st.just(PROBABILITIES),
        ),
        max_size=4,
    )
)
def test_any_result_can_be_read_by_the_definition_that_comes_with_it(faces):
    data = schemas.emotions_data(STAMP_NS, 'camera_optical_frame', 640, 480, faces)
    definition = schemas.definition(FACE_ARRAY_TYPE).encode()
    record = decode('cdr', FACE_ARRAY_TYPE, definition, data)
    stamp = record['header']['stamp']
    assert (stamp['sec'], stamp['nanosec']) == divmod(STAMP_NS, 10**9)
    assert record['header']['frame_id'] == 'camera_optical_frame'
    assert (record['image_width'], record['image_height']) == (640, 480)
    for face, found in zip(faces, record['faces'], strict=True):
        box = [found['box'][name] for name in ('x_offset', 'y_offset', 'width', 'height')]
        assert tuple(box) == pixel_box(face.box, 640, 480)
        points = np.array([[point['x'], point['y']] for point in found['landmarks']], np.float32)
        wanted = np.full((5, 2), np.nan) if face.landmarks is None else face.landmarks
        np.testing.assert_array_equal(points, wanted)
        assert (found['track_id'], found['emotion']) == (
            face.track_id,
            emotion_name(face.emotion_id),
        )
        assert found['emotion_id'] == (255 if face.emotion_id is None else face.emotion_id)
        assert found['confidence'] == np.float32(face.confidence)
        np.testing.assert_array_equal(found['probabilities'], PROBABILITIES)


def test_diagnostics_carry_their_whole_definition():
    definition = schemas.definition(schemas.DIAGNOSTICS_TYPE)
    assert 'MSG: diagnostic_msgs/KeyValue' in definition
    assert 'MSG: std_msgs/Header' in definition


# --- recordings --------------------------------------------------------------------------------


def frame(image, index):
    return Frame(image, STAMP_NS + index * 40_000_000, index)


def test_a_recording_holds_images_annotations_and_results_of_every_frame(tmp_path, portrait):
    path = tmp_path / 'new' / 'out.mcap'
    with McapOutput(path) as output:
        for index in range(3):
            output.write(frame(portrait, index), [HAPPY] if index != 1 else [])
        assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == ['out.mcap']
    found = read_mcap(path)
    stamps = [STAMP_NS + index * 40_000_000 for index in range(3)]
    topics = {schemas.IMAGE_TOPIC, schemas.ANNOTATIONS_TOPIC, schemas.EMOTIONS_TOPIC}
    assert set(found) == topics
    for messages in found.values():
        assert [stamp for stamp, _ in messages] == stamps
    assert [len(m.points) for _, m in found[schemas.ANNOTATIONS_TOPIC]] == [2, 0, 2]
    assert [len(m['faces']) for _, m in found[schemas.EMOTIONS_TOPIC]] == [1, 0, 1]
    image = found[schemas.IMAGE_TOPIC][0][1]
    assert image.format == 'jpeg'
    shown = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    assert cv2.absdiff(shown, portrait).mean() < 4


def test_faces_can_be_made_unrecognisable_in_a_recording(tmp_path, portrait):
    with McapOutput(tmp_path / 'out.mcap', blur=True) as output:
        output.write(frame(portrait, 0), [HAPPY])
    ((_, image),) = read_mcap(output.path)[schemas.IMAGE_TOPIC]
    shown = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    difference = cv2.absdiff(shown, portrait)
    assert difference[58:178, 181:270].mean() > 15
    assert difference[300:, :].mean() < 4


def test_two_recordings_at_once_do_not_mix(tmp_path, portrait):
    with McapOutput(tmp_path / 'a.mcap') as one, McapOutput(tmp_path / 'b.mcap') as other:
        one.write(frame(portrait, 0), [HAPPY])
        other.write(frame(portrait, 1), [])
    for name, index in (('a', 0), ('b', 1)):
        ((stamp, _),) = read_mcap(tmp_path / f'{name}.mcap')[schemas.EMOTIONS_TOPIC]
        assert stamp == frame(portrait, index).stamp_ns


def test_a_recording_without_a_frame_leaves_the_old_file(tmp_path):
    path = tmp_path / 'out.mcap'
    path.write_bytes(b'old')
    McapOutput(path).close()
    assert path.read_bytes() == b'old'
    assert [entry.name for entry in tmp_path.iterdir()] == ['out.mcap']


@pytest.mark.parametrize('name', ['out.bag', 'out', 'out.mcap.zst'])
def test_a_recording_of_another_name_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r'use one that ends in \.mcap\.'):
        McapOutput(tmp_path / name)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, portrait):
    (tmp_path / 'file').write_text('no folder')
    output = McapOutput(tmp_path / 'file' / 'out.mcap')
    with pytest.raises(OutputError, match='choose another output'):
        output.write(frame(portrait, 0), [])


def test_a_full_disk_is_told_in_one_sentence_and_leaves_the_old_file(tmp_path):
    """A limit on the size of files stands for the disk: the same error comes from the same call."""
    path = tmp_path / 'out.mcap'
    path.write_bytes(b'old')
    code = (
        'import resource, sys; '
        'resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)); '
        'from emotion_perception.cli.main import main; '
        f'sys.exit(main(["video", {os.fspath(noise_clip(tmp_path))!r}, "--mcap", {str(path)!r}, '
        '"--quiet", "--detector", "haar"]))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if 'frame' not in line]
    assert len(lines) == 1, done.stderr
    assert 'out.mcap cannot be written (File too large): check the free space' in lines[0]
    assert path.read_bytes() == b'old'
    assert not list(tmp_path.glob('.out*'))


def noise_clip(folder):
    """A folder of images that JPEG cannot make small."""
    frames = folder / 'frames'
    frames.mkdir()
    random = np.random.default_rng(1)
    for index in range(12):
        noise = random.integers(0, 256, (240, 320, 3), np.uint8)
        cv2.imwrite(str(frames / f'{index:02}.png'), noise)
    return frames


# --- `emotion video --mcap` ----------------------------------------------------------------------


def test_a_video_becomes_a_recording_with_the_boxes_of_its_json_lines(tmp_path, frames, tiny_model):
    path, lines = tmp_path / 'out.mcap', tmp_path / 'out.jsonl'
    options = ['--model', str(tiny_model), '--quiet']
    done = main(['video', str(frames), '--mcap', str(path), '--json', str(lines), *options])
    assert done == 0
    records = [json.loads(line) for line in lines.read_text(encoding='utf-8').splitlines()]
    shown = [message for _, message in read_mcap(path)[schemas.ANNOTATIONS_TOPIC]]
    assert len(records) == len(shown) == 5
    for record, message in zip(records, shown, strict=True):
        boxes = [part for part in message.points if part.type == part.LINE_LOOP]
        found = [face['box'] for face in record['faces']]
        assert [corners(box)[0] for box in boxes] == [(box['x'], box['y']) for box in found]


def test_a_recording_must_not_overwrite_another_output(tmp_path, frames, capsys):
    path = str(tmp_path / 'out.mcap')
    assert main(['video', str(frames), '--mcap', path, '--json', path]) == 1
    assert 'choose another output' in capsys.readouterr().err


def test_an_interrupted_video_leaves_a_readable_recording(tmp_path, tiny_model):
    path = tmp_path / 'out.mcap'
    arguments = ['video', 'demo', '--mcap', str(path), '--model', str(tiny_model)]
    process = subprocess.Popen(
        [sys.executable, '-m', 'emotion_perception.cli', *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.stdout.readline()  # the first frame is done
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    found = read_mcap(path)
    assert len(found[schemas.IMAGE_TOPIC]) == len(found[schemas.EMOTIONS_TOPIC]) > 0


def test_a_killed_recording_leaves_the_old_file_and_all_whole_chunks(tmp_path, tiny_model):
    path = tmp_path / 'out.mcap'
    path.write_bytes(b'old')
    arguments = ['video', 'demo', '--mcap', str(path), '--model', str(tiny_model), '--quiet']
    process = subprocess.Popen([sys.executable, '-m', 'emotion_perception.cli', *arguments])

    def written():
        assert process.poll() is None
        return [left for left in left_beside(path) if recovered(left)]

    wait_for_files(written, tmp_path, process=process.pid)
    process.kill()
    process.wait()
    assert path.read_bytes() == b'old'
    (left,) = left_beside(path)
    images = [cv2.imdecode(np.frombuffer(m.data, np.uint8), 1) for m in recovered(left)]
    assert {image.shape for image in images} == {(480, 640, 3)}


def recovered(path):
    """The images that can be read from the start of a recording, up to where it was cut off."""
    images = []
    # A chunk that is being written says that it has 2^64 - 1 bytes.
    with path.open('rb') as file, suppress(McapError, OverflowError):
        reader = NonSeekingReader(file, validate_crcs=True)
        for schema, channel, record in reader.iter_messages(
            schemas.IMAGE_TOPIC, log_time_order=False
        ):
            images.append(decode(channel.message_encoding, schema.name, schema.data, record.data))
    return images


def test_without_the_sdk_one_sentence_says_how_to_get_it(tmp_path, frames, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'foxglove', None)
    assert main(['video', str(frames), '--mcap', str(tmp_path / 'out.mcap')]) == 1
    error = capsys.readouterr().err.strip()
    assert error.splitlines() == [error]
    assert 'foxglove-sdk is not installed: run `make foxglove-env`' in error
    assert not list(tmp_path.glob('*.mcap'))


# --- the layouts ---------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['emotions.json', 'rosbag.json'])
def test_the_shipped_layout_is_the_one_that_the_sdk_makes(name):
    shipped = (config_path('foxglove') / name).read_text(encoding='utf-8')
    assert shipped == layout.layout_text(layout.layouts()[name])


def test_the_plot_has_every_emotion_in_its_colour():
    text = (config_path('foxglove') / 'emotions.json').read_text(encoding='utf-8')
    for index, name in enumerate(EMOTION_NAMES):
        blue, green, red = emotion_color(index)
        assert f'"color": "#{red:02x}{green:02x}{blue:02x}",\n' in text
        assert f'"label": "{name}"' in text
