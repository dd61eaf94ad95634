"""The whole report on real faces in made data, with the shipped model and the real detector."""

import csv
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

skimage_data = pytest.importorskip('skimage.data', reason='the face is one of its pictures')

from tiny_model import make_tiny_model

from emotion_perception.labels import EMOTION_NAMES
from training.cli import main
from training.dataset import ferplus
from training.dataset.data import Dataset, Split
from training.errors import TrainingError
from training.scoring import ferplus_scores, figures, private_test_log, scenes

MODEL = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'


@pytest.fixture(scope='module')
def face() -> np.ndarray:
    """The astronaut's face, cut as FER-2013 cuts faces: 48x48, grey."""
    grey = cv2.cvtColor(skimage_data.astronaut(), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey[55:185, 160:290], (48, 48), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope='module')
def rows(made_rows, face) -> list[tuple[int, np.ndarray, str]]:
    """The made data, with faces in the first 14 rows of PublicTest."""
    public = [index for index, row in enumerate(made_rows) if row[2] == 'PublicTest']
    changed = list(made_rows)
    for number, index in enumerate(public[:14]):
        label, _, usage = made_rows[index]
        changed[index] = (
            label,
            np.clip(face * (0.8 + 0.02 * number), 0, 255).astype(np.uint8),
            usage,
        )
    return changed


@pytest.fixture(scope='module')
def place(tmp_path_factory, rows) -> Path:
    folder = tmp_path_factory.mktemp('evaluate')
    with (folder / 'fer2013.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['emotion', 'pixels', 'Usage'])
        for label, image, usage in rows:
            writer.writerow([label, ' '.join(map(str, image.reshape(-1))), usage])
    with (folder / 'votes.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['Usage', 'Image name', *ferplus.COLUMNS])
        for label, _, usage in rows:
            votes = [0] * 10
            votes[ferplus.FER2013_COLUMNS[label]] = 10
            writer.writerow([usage, 'x.png', *votes])
    for path in (MODEL, MODEL.with_suffix('.json')):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='module')
def command(place):
    def run(*words: str) -> int:
        places = ['--data', str(place / 'fer2013.csv'), '--cache', str(place / 'cache')]
        model = ['--model', str(place / MODEL.name), '--out', str(place / 'out')]
        return main(['evaluate', *places, *model, '--threads', '1', *words])

    return run


def test_full_report(place, command, capsys):
    words = ['--ferplus', str(place / 'votes.csv'), '--pipeline', '--ten-crop']
    assert command(*words) == 0
    printed = capsys.readouterr().out
    # Its images are counted in the table of what was read, and nothing else is told of it.
    assert not re.search(r'PrivateTest(?! +\d)', printed)
    assert 'through the pipeline: faces found' in printed
    scores = json.loads((place / 'out/scores.json').read_text())['splits']['PublicTest']
    through = scores['pipeline']
    # Only 14 of the 21 images show a face; the others are bars.
    assert through['found']['n'] == 21
    assert 12 / 21 <= through['found']['value'] <= 14 / 21 + 1e-4
    assert through['direct']['n'] == through['pipeline']['n'] >= 12
    assert through['drop'] == pytest.approx(
        through['direct']['value'] - through['pipeline']['value'], abs=2e-4
    )
    assert scores['ten_crop_not_the_headline']['ten_crop']['n'] == 21
    fer_plus = scores['ferplus']
    assert fer_plus['answer'] == 'ferplus'
    # These votes repeat the labels.
    for crossed, own in (
        (fer_plus['usual_answer_accuracy'], scores['accuracy']),
        (fer_plus['original_labels_accuracy'], fer_plus['accuracy_contempt_counted_wrong']),
    ):
        assert crossed['value'] == own['value']
    assert 'by the last layer that the votes taught' in printed
    assert scores['reject_curve'][0]['coverage'] == 1
    assert 0 <= scores['classes']['Happy']['auc'] <= 1
    report = (place / 'out/report.md').read_text()
    for heading in ('On FER+ labels', 'Through the pipeline', 'Ten-crop (not the headline figure)'):
        assert f'### {heading}' in report
    names = [f'{kind}-PublicTest.png' for kind in ('roc', 'reject', 'confusion', 'reliability')]
    names += [figures.gallery_name('PublicTest', emotion) for emotion in EMOTION_NAMES]
    for name in names:
        assert f'({name})' in report
        assert cv2.imread(str(place / 'out' / name)) is not None


def test_report_is_the_same_twice_and_the_limit_leaves_the_headline(place, command):
    documents = []
    for _ in range(2):
        assert command('--pipeline', '--limit', '9') == 0
        documents.append(json.loads((place / 'out/scores.json').read_text()))
    assert documents[0] == documents[1]
    scores = documents[0]['splits']['PublicTest']
    assert (scores['accuracy']['n'], scores['pipeline']['found']['n']) == (21, 9)
    assert 'ferplus' not in scores


def test_final_logs_what_was_read(place, command):
    assert command('--final', '--ferplus', str(place / 'votes.csv')) == 0
    log = (place / private_test_log.LOG_NAME).read_text().splitlines()
    assert json.loads(log[-1])['ferplus']['accuracy_contempt_counted_wrong']['n'] == 21
    manifest = json.loads((place / MODEL.with_suffix('.json').name).read_text())
    assert manifest['scores']['PrivateTest']['accuracy']['n'] == 21
    assert 'ferplus' in manifest['scores']['PrivateTest']


def test_later_reading_keeps_what_it_did_not_measure(place, command):
    path = place / MODEL.with_suffix('.json').name
    assert command('--final', '--ferplus', str(place / 'votes.csv')) == 0
    before = json.loads(path.read_text())['scores']['PrivateTest']
    assert command('--final', '--ten-crop', '--limit', '5') == 0
    after = json.loads(path.read_text())['scores']['PrivateTest']
    assert after['ferplus'] == before['ferplus']
    assert after['ten_crop_not_the_headline']['ten_crop']['n'] == 5
    assert command('--final', '--ten-crop', '--limit', '6') == 0
    after = json.loads(path.read_text())['scores']['PrivateTest']
    assert after['ten_crop_not_the_headline']['ten_crop']['n'] == 6
    last = json.loads((place / private_test_log.LOG_NAME).read_text().splitlines()[-1])
    assert 'ferplus' not in last, 'the log holds only what each reading measured'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--limit', '0', '--pipeline'], '--limit must be at least 1'),
        (['--ferplus', 'nowhere.csv'], 'cannot be read'),
    ],
)
def test_bad_options_are_one_sentence(words, message, command, capsys):
    assert command(*words) == 1
    assert message in capsys.readouterr().err


def test_model_with_other_classes_is_refused(tmp_path, command, capsys):
    assert command('--model', str(make_tiny_model(tmp_path, classes=5))) == 1
    assert 'predicts 5 classes, FER-2013 has 7' in capsys.readouterr().err


def test_pipeline_wants_the_exported_file():
    with pytest.raises(TrainingError, match=r'give --model an exported \.onnx'):
        scenes.open_pipeline(Path('last.ckpt'), 1)


def test_scene_holds_the_image_and_depends_on_its_row_only(face):
    first, again, other = (scenes.make_scene(face, row) for row in (3, 3, 4))
    assert first.image.shape == (480, 640, 3)
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.left, first.top, first.side) != (other.left, other.top, other.side)
    assert 3 * 48 <= first.side <= 6 * 48
    end = (first.left + first.side, first.top + first.side)
    assert end[0] <= 640
    assert end[1] <= 480
    inside = first.image[first.top : end[1], first.left : end[0], 0]
    small = cv2.resize(inside, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - face).mean() < 4


def test_pipeline_sees_the_face_as_direct_classification_does(face):
    rows = np.arange(8)
    split = Split('PublicTest', np.stack([face] * 8), np.full(8, 3), rows)
    seen = scenes.predict_scenes(scenes.open_pipeline(MODEL, 1), split, 'scenes')
    assert (seen != scenes.NO_FACE).all()
    assert np.bincount(seen).max() >= 6, 'the same face at other places must look the same'


def test_pipeline_scores_count_missed_faces():
    none = scenes.NO_FACE
    found = scenes.score(np.array([1, none, 3, 0]), np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0]))
    assert (found.found.hits, found.found.count) == (3, 4)
    assert (found.overall.hits, found.overall.count) == (2, 4)
    assert found.drop == pytest.approx(1 / 3)
    assert found.drop_interval[0] <= found.drop <= found.drop_interval[1]


def test_ferplus_counts_contempt_as_wrong_and_drops_the_rest():
    votes = np.zeros((6, 10), np.int64)
    votes[0, ferplus.COLUMNS.index('happiness')] = 10
    votes[1, ferplus.COLUMNS.index('neutral')] = 10
    votes[2, ferplus.COLUMNS.index('contempt')] = 10
    votes[3, ferplus.COLUMNS.index('unknown')] = 10
    votes[4, ferplus.COLUMNS.index('NF')] = 10
    votes[5, :2] = 5
    found = ferplus_scores.count_hits(np.array([3, 0, 6, 6, 6, 6]), votes)
    assert (found.accuracy.hits, found.accuracy.count) == (1, 3)
    assert (found.without_contempt.hits, found.without_contempt.count) == (1, 2)
    assert (found.contempt, found.unclear, found.unknown, found.no_face) == (1, 1, 1, 1)


def test_votes_that_cannot_be_joined(tmp_path):
    empty = Split('x', np.zeros((0, 48, 48), np.uint8), np.zeros(0, int), np.zeros(0, int))
    splits = dict.fromkeys(('Training', 'PublicTest', 'PrivateTest'), empty)
    with pytest.raises(TrainingError, match='the image folders have lost'):
        ferplus.check_rows(np.zeros((0, 10), int), Dataset(tmp_path, splits))
    with pytest.raises(TrainingError, match='has 2 rows, the data set 0'):
        ferplus.check_rows(np.zeros((2, 10), int), Dataset(tmp_path / 'a.csv', splits))


def test_gallery_goes_from_sure_to_unsure():
    confidence = np.linspace(0, 1, 101)
    chosen = figures.spread(np.arange(101), confidence)
    assert len(chosen) == 16
    assert (chosen[0], chosen[-1]) == (100, 0)
    assert (np.diff(confidence[chosen]) < 0).all()
    assert figures.spread(np.array([5, 2]), confidence).tolist() == [5, 2]
    assert not len(figures.spread(np.zeros(0, np.int64), confidence))
