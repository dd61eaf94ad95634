"""Photos, videos and webcam images to results; without Gradio."""

import base64
import csv
import json
import subprocess
from itertools import islice

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from emotion_perception.drawing import EMOTION_COLORS
from emotion_perception.errors import ImageFormatError, SourceError
from emotion_perception.labels import EMOTION_NAMES, Emotion
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.sources.demo import DemoSource
from emotion_perception.types import Box, Face
from emotion_viewers.web.chosen import Chosen
from emotion_viewers.web.emotion_timeline import EmotionTimeline
from emotion_viewers.web.live import image_of_url, process_webcam
from emotion_viewers.web.photo import process_photo
from emotion_viewers.web.tables import CSV_HEADERS, face_names, face_rows
from emotion_viewers.web.timeline_plot import timeline_spec
from emotion_viewers.web.uploads import check_video, result_stem, visitor_text
from emotion_viewers.web.video import GoneError, Watch, process_video

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CHOSEN = Chosen(PipelineSettings())


def frames_of(video):
    capture = cv2.VideoCapture(str(video))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(frame)


def has_box(image, emotion):
    """Whether an image has much of an emotion's colour."""
    distance = np.abs(image.astype(int) - EMOTION_COLORS[emotion]).sum(axis=2)
    return (distance < 60).sum() > 100


def rows_of(table):
    with table.open(newline='') as file:
        return list(csv.DictReader(file))


def test_photo_gives_an_annotated_image_and_its_tables(media, tmp_path, networks, portrait):
    result = process_photo(media / 'photo.png', tmp_path, networks, CHOSEN)
    image = cv2.imread(str(result.image))
    assert image.shape == portrait.shape
    assert has_box(image, Emotion.HAPPY)
    assert not has_box(portrait, Emotion.HAPPY)
    record = json.loads(result.json.read_text())
    assert (record['file'], record['faces'][0]['emotion']) == ('photo.png', 'Happy')
    row = rows_of(result.csv)[0]
    assert tuple(row) == CSV_HEADERS
    assert float(row['happy']) == record['faces'][0]['probabilities']['Happy']
    assert int(row['width']) == record['faces'][0]['box']['width']


def test_rows_and_names_of_the_faces(media, tmp_path, networks):
    record = process_photo(media / 'two.png', tmp_path, networks, CHOSEN).record
    assert sorted(face_names(record)) == ['#1 Happy', '#2 Happy']
    assert [row[1] for row in face_rows(record)] == ['Happy', 'Happy']


def test_settings_are_followed(media, tmp_path, networks):
    unsure = Chosen(PipelineSettings(confidence_threshold=1.0))
    record = process_photo(media / 'photo.png', tmp_path, networks, unsure).record
    assert record['faces'][0]['emotion'] == 'Uncertain'
    large = Chosen(PipelineSettings(min_face_size=500))
    assert not process_photo(media / 'photo.png', tmp_path, networks, large).record['faces']


def test_a_visitor_chooses_the_labels(tmp_path, networks):
    # A sad face: of a broad smile all labels are alike sure.
    photo = tmp_path / 'sad.png'
    assert cv2.imwrite(str(photo), next(islice(DemoSource(), 118, None)).image)
    assert networks.default_labels == 'balanced'
    assert set(networks.label_sets) == {'fer2013', 'ferplus', 'balanced'}
    found = [
        process_photo(photo, tmp_path, networks, Chosen(PipelineSettings(), labels)).record[
            'faces'
        ][0]['probabilities']
        for labels in ('', *networks.label_sets)
    ]
    assert found[0] in found[1:]
    assert len({tuple(probabilities.values()) for probabilities in found}) == 3


def test_a_visitor_has_faces_blurred_and_the_sound_left_out(media, tmp_path, networks, portrait):
    every_fifth = PipelineSettings(detect_every_n=5)
    blurred = Chosen(every_fifth, blur=True)
    assert (blurred.for_streams().detect_every_n, Chosen(every_fifth).for_streams()) == (
        1,
        every_fifth,
    )
    result = process_photo(media / 'photo.png', tmp_path, networks, blurred)
    box = result.record['faces'][0]['box']
    mouth = np.s_[box['y'] + box['height'] * 3 // 4, box['x'] + 10 : box['x'] + box['width'] - 10]
    sharp, soft = (
        np.abs(np.diff(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[mouth].astype(int))).max()
        for image in (portrait, cv2.imread(str(result.image)))
    )
    assert soft < sharp / 4
    clip = loud(media / 'clip.mp4', tmp_path / 'loud.mp4')
    remarks = process_video(clip, tmp_path, networks, blurred, 5).remarks
    assert remarks == [
        'The sound is left out: faces are blurred, and people are known by their voices too.'
    ]


def test_heads_are_drawn_where_a_visitor_wants_them(media, tmp_path, networks, portrait):
    with_heads = Chosen(PipelineSettings(gaze=True))
    for chosen in (CHOSEN, with_heads):
        photo = process_photo(media / 'photo.png', tmp_path, networks, chosen)
        image = cv2.imread(str(photo.image))
        webcam = process_webcam(
            cv2.imencode('.png', portrait)[1].tobytes(), 0, networks.stream(chosen), chosen
        )
        live = cv2.imdecode(np.frombuffer(image_of_url(webcam.url), np.uint8), cv2.IMREAD_COLOR)
        clip = process_video(media / 'clip.mp4', tmp_path, networks, chosen, 5)
        drawn = [has_axes(each) for each in (image, live, frames_of(clip.video)[0])]
        assert drawn == [chosen is with_heads] * 3
        lines = clip.json.read_text().splitlines()
        records = [photo.record, *(json.loads(line) for line in lines)]
        assert {bool(each['faces'][0].get('head')) for each in records} == {chosen is with_heads}


def has_axes(image):
    """Whether an image has a strong green, as the axis to the left of a head."""
    blue, green, red = np.moveaxis(image.astype(int), 2, 0)
    return ((green > blue + 80) & (green > red + 80)).sum() > 20


def test_damaged_photo_is_named_without_the_servers_folders(tmp_path, networks):
    photo = tmp_path / 'holiday.jpg'
    photo.write_bytes(b'\xff\xd8 no image')
    with pytest.raises(SourceError) as caught:
        process_photo(photo, tmp_path, networks, CHOSEN)
    sentence = visitor_text(caught.value, photo)
    assert 'holiday.jpg' in sentence
    assert str(tmp_path) not in sentence


def test_video_gives_every_frame_annotated_and_its_tables(media, tmp_path, networks):
    seen = []
    watch = Watch(progress=lambda done, total: seen.append((done, total)))
    result = process_video(media / 'clip.mp4', tmp_path, networks, CHOSEN, 5, watch)
    frames = frames_of(result.video)
    assert len(frames) == 6
    assert all(has_box(frame, Emotion.HAPPY) for frame in frames)
    assert seen == [(done, 6) for done in range(1, 7)]
    records = [json.loads(line) for line in result.json.read_text().splitlines()]
    assert len(records) == len(rows_of(result.csv)) == 6
    assert rows_of(result.csv)[5]['seconds'] == '1.000'
    assert result.timeline.people() == [1]
    assert (result.summary.frames, result.remarks) == (6, [])


def loud(video, clip):
    """A copy of a video with sound."""
    words = ['-i', video, '-f', 'lavfi', '-i', 'sine=d=1', '-c:v', 'copy', clip]
    subprocess.run([FFMPEG, '-loglevel', 'error', *map(str, words)], check=True)
    return clip


def test_video_keeps_its_sound(media, tmp_path, networks):
    clip = loud(media / 'clip.mp4', tmp_path / 'loud.mp4')
    result = process_video(clip, tmp_path, networks, CHOSEN, 5)
    assert result.remarks == []
    said = subprocess.run([FFMPEG, '-i', str(result.video)], capture_output=True, check=False)
    assert b': Audio: aac' in said.stderr


def test_too_long_video_is_refused(media, tmp_path, networks):
    with pytest.raises(SourceError, match=r'clip\.mp4 lasts 1 s, and this page takes 0\.5 s'):
        process_video(media / 'clip.mp4', tmp_path, networks, CHOSEN, 0.5)


def test_stopped_video_keeps_what_there_is(media, tmp_path, networks):
    done = []
    watch = Watch(lambda *count: done.append(count), stopped=lambda: len(done) == 2)
    result = process_video(media / 'clip.mp4', tmp_path, networks, CHOSEN, 5, watch)
    assert len(frames_of(result.video)) == 2
    assert result.remarks == ['Stopped at 0.4 s.']


def test_video_of_a_visitor_who_left_is_given_up(media, tmp_path, networks):
    with pytest.raises(GoneError):
        process_video(media / 'clip.mp4', tmp_path, networks, CHOSEN, 5, Watch(gone=lambda: True))


def test_cut_off_video_keeps_what_can_be_read(media, tmp_path, networks):
    clip = tmp_path / 'cut.mp4'
    whole = (media / 'clip.mp4').read_bytes()
    clip.write_bytes(whole[: int(0.8 * len(whole))])
    result = process_video(clip, tmp_path, networks, CHOSEN, 5)
    assert 0 < result.summary.frames < 6
    assert result.remarks


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'just a text',
        b'#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n',
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5000 RTP/AVP 96\r\n',
        b'GIF is no GIF',
    ],
)
def test_playlists_scripts_and_texts_are_no_video(tmp_path, content):
    path = tmp_path / 'clip.mp4'
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r'^clip\.mp4 is '):
        check_video(path)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi', '.gif'])
def test_ordinary_videos_are_taken(tmp_path, networks, portrait, suffix):
    from emotion_perception.outputs.video_writer import VideoWriter

    path = tmp_path / f'clip{suffix}'
    with VideoWriter(path, 10, (320, 320)) as writer:
        writer.write(portrait)
        writer.write(portrait)
    assert process_video(path, tmp_path, networks, CHOSEN, 5).summary.faces == 2


@pytest.mark.parametrize('suffix', ['gif', 'avi'])
def test_moving_images_larger_than_a_page_can_take_are_refused(tmp_path, networks, suffix):
    path, large = tmp_path / f'large.{suffix}', np.zeros((4112, 4112, 3), np.uint8)
    if suffix == 'gif':
        Image.fromarray(large).save(path)
    else:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (4112, 4112))
        writer.write(large)
        writer.release()
    with pytest.raises(SourceError, match=r'4112x4112 pixels, and more than .*scale it down'):
        process_video(path, tmp_path, networks, CHOSEN, 5)


def test_names_of_results_are_plain(tmp_path):
    assert result_stem(tmp_path / 'my holiday <3.mp4') == 'my_holiday_3'
    assert result_stem(tmp_path / f'{"x" * 300}.png') == 'x' * 60
    assert result_stem(tmp_path / '&&&.png') == 'result'


def test_webcam_image_comes_back_with_its_boxes(networks, portrait):
    jpeg = cv2.imencode('.jpg', portrait)[1].tobytes()
    sent = f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}'
    stream = networks.stream(CHOSEN)
    result = process_webcam(image_of_url(sent), 0, stream, CHOSEN)
    shown = cv2.imdecode(np.frombuffer(image_of_url(result.url), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == portrait.shape
    assert has_box(shown, Emotion.HAPPY)
    assert max(result.probabilities, key=result.probabilities.get) == 'Happy'


def test_webcam_image_without_a_face_has_no_probabilities(networks):
    jpeg = cv2.imencode('.jpg', np.zeros((120, 160, 3), np.uint8))[1].tobytes()
    assert process_webcam(jpeg, 0, networks.stream(CHOSEN), CHOSEN).probabilities == {}


@pytest.mark.parametrize(
    'url', ['', 'http://example.org/a.jpg', 'data:text/html;base64,AAAA', 'data:image/png;base64,!']
)
def test_what_is_no_webcam_image_is_refused(url):
    with pytest.raises(ImageFormatError):
        image_of_url(url)


def face(track_id, strongest):
    probabilities = np.full(7, 0.05, np.float32)
    probabilities[strongest] = 0.7
    return Face(track_id, Box(0, 0, 50, 50), 0.9, None, strongest, 0.7, probabilities)


def test_timeline_has_the_person_seen_longest_first():
    timeline = EmotionTimeline()
    timeline.add(0, [face(1, 3), face(2, 4)])
    timeline.add(500_000_000, [face(2, 4)])
    assert timeline.people() == [2, 1]
    sad = [point for point in timeline.points(2) if point.emotion == 'Sad']
    assert [(point.seconds, point.probability) for point in sad] == [(0.0, 0.7), (0.5, 0.7)]
    assert timeline.points(99) == []


def test_long_timeline_is_averaged_to_a_readable_number_of_points():
    timeline = EmotionTimeline()
    for index in range(1000):
        timeline.add(index * 100_000_000, [face(1, 3 if index < 500 else 4)])
    points = timeline.points(1, max_points=10)
    assert len(points) == 10 * len(EMOTION_NAMES)
    happy = [point.probability for point in points if point.emotion == 'Happy']
    assert happy == [0.7] * 5 + [0.05] * 5


def test_no_two_lines_of_a_timeline_have_the_same_dashes():
    timeline = EmotionTimeline()
    timeline.add(0, [face(1, 3)])
    spec = json.loads(timeline_spec(timeline.points(1)))
    scale = spec['layer'][0]['encoding']['strokeDash']['scale']
    assert tuple(scale['domain']) == EMOTION_NAMES
    assert len({tuple(dashes) for dashes in scale['range']}) == len(EMOTION_NAMES)
    assert spec['data']['values'][3] == {'seconds': 0.0, 'emotion': 'Happy', 'probability': 0.7}
