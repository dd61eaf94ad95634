"""The package from Python: what importing it costs, and `predict_emotion`."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import emotion_perception
from emotion_perception import api
from emotion_perception.errors import ImageFormatError, ModelError, SourceError
from emotion_perception.files import resources


@pytest.fixture
def shipped(monkeypatch, tiny_model):
    """The tiny model in the place of the shipped one, loaded anew."""
    api._classifier.cache_clear()
    monkeypatch.setattr(resources, 'default_model_path', lambda: tiny_model)
    yield tiny_model
    api._classifier.cache_clear()


def test_import_is_light():
    code = (
        'import sys, emotion_perception\n'
        'heavy = {"numpy", "cv2", "onnxruntime", "rosbags", "PIL"} & set(sys.modules)\n'
        'assert not heavy, heavy\n'
    )
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2] / 'src')}
    subprocess.run([sys.executable, '-c', code], check=True, env=environment)


def test_every_name_can_be_imported():
    for name in emotion_perception.__all__:
        assert getattr(emotion_perception, name) is not None
    assert set(emotion_perception.__all__) <= set(dir(emotion_perception))
    with pytest.raises(AttributeError, match='no attribute'):
        emotion_perception.nonsense  # noqa: B018


def test_faces_of_an_array_and_of_a_file_are_the_same(shipped, portrait, photo):
    from_array = emotion_perception.predict_emotion(portrait)
    from_path = emotion_perception.predict_emotion(photo)
    from_name = emotion_perception.predict_emotion(str(photo))
    assert len(from_array) == 1
    assert abs(from_array[0].box.x - 181) < 20
    assert from_array[0].emotion_id == emotion_perception.Emotion.HAPPY
    assert from_array[0].probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert from_array[0].box == from_path[0].box == from_name[0].box


def test_calls_do_not_influence_each_other(shipped, portrait):
    dark = (portrait // 4).astype(np.uint8)
    alone = emotion_perception.predict_emotion(dark)
    emotion_perception.predict_emotion(portrait)
    again = emotion_perception.predict_emotion(dark)
    assert again[0].track_id == alone[0].track_id == 1
    assert np.array_equal(again[0].probabilities, alone[0].probabilities)


def test_largest_face_comes_first(shipped, two_faces):
    first, second = emotion_perception.predict_emotion(two_faces)
    assert first.box.area > second.box.area
    assert {first.track_id, second.track_id} == {1, 2}


def test_no_face(shipped):
    assert emotion_perception.predict_emotion(np.zeros((120, 160, 3), np.uint8)) == []


def test_any_thread_may_call(shipped, portrait):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(emotion_perception.predict_emotion, [portrait] * 8))
    assert len({result[0].box for result in results}) == 1
    # One model for all of them.
    assert api._classifier.cache_info().misses == 1


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_unfit_arrays_are_refused(shipped, image):
    with pytest.raises(ImageFormatError, match='convert it to uint8'):
        emotion_perception.predict_emotion(image)


def test_unreadable_files_are_refused(shipped, tmp_path):
    with pytest.raises(SourceError, match='cannot be read'):
        emotion_perception.predict_emotion(tmp_path / 'nowhere.png')
    (tmp_path / 'bad.jpg').write_bytes(b'no image')
    with pytest.raises(SourceError, match='no image'):
        emotion_perception.predict_emotion(tmp_path / 'bad.jpg')


def test_a_missing_model_is_told(monkeypatch, tmp_path, portrait):
    api._classifier.cache_clear()
    monkeypatch.setattr(resources, 'default_model_path', lambda: tmp_path / 'no.onnx')
    with pytest.raises(ModelError, match='does not exist'):
        emotion_perception.predict_emotion(portrait)


def test_labels_that_the_model_does_not_know_are_told(shipped, portrait):
    with pytest.raises(ModelError, match='cannot predict the labels ferplus'):
        emotion_perception.predict_emotion(portrait, labels='ferplus')


FORK = """
import os, sys, threading
import numpy as np
from skimage.data import astronaut
from emotion_perception import api, recognizer

modules = {'function': api, 'recognizer': recognizer}
module = modules[sys.argv[1]]
predict = api.predict_emotion if module is api else recognizer.EmotionRecognizer(gaze=True).predict
image = np.ascontiguousarray(astronaut()[..., ::-1])
inside = threading.Event()
find = module.analyse_still

def slow(*arguments):
    inside.set()
    return find(*arguments)

predict(image)
module.analyse_still = slow
stop = threading.Event()

def work():
    while not stop.is_set():
        predict(image)

thread = threading.Thread(target=work)
thread.start()
inside.wait()
child = os.fork()
if not child:
    os._exit(len(predict(image)))
_, status = os.waitpid(child, 0)
stop.set()
thread.join()
sys.exit(0 if os.waitstatus_to_exitcode(status) == 1 else 1)
"""


def test_a_fork_of_a_process_with_loaded_networks_does_not_wait_for_their_threads():
    """A function for the child makes `subprocess` fork, in a way that runs what Python was told."""
    code = (
        'import subprocess, numpy as np\n'
        'from emotion_perception.api import predict_emotion\n'
        'predict_emotion(np.zeros((64, 64, 3), np.uint8))\n'
        'for _ in range(5):\n'
        '    subprocess.run(["true"], check=True, preexec_fn=lambda: None)\n'
    )
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True, timeout=120)


@pytest.mark.parametrize('which', ['function', 'recognizer'])
def test_a_process_forked_while_a_thread_predicts_can_predict_too(which):
    subprocess.run([sys.executable, '-W', 'ignore', '-c', FORK, which], check=True, timeout=120)
