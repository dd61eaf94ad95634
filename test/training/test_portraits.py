"""Labelled images of people: read, run through the real pipeline, scored by group."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

skimage_data = pytest.importorskip('skimage.data', reason='the face is one of its images')

from emotion_perception.labels import EMOTION_NAMES
from training.cli import main
from training.errors import TrainingError
from training.scoring import portraits, portraits_report
from training.scoring.portraits import NO_FACE, Portraits, PortraitScores

MODEL = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """Two images of a smiling astronaut, one of them mirrored, and one of a wall."""
    folder = tmp_path_factory.mktemp('portraits')
    face = np.ascontiguousarray(skimage_data.astronaut()[:400, :400, ::-1])
    images = {'one.png': face, 'two.png': face[:, ::-1], 'wall.png': np.full_like(face, 128)}
    for name, image in images.items():
        assert cv2.imwrite(str(folder / name), image)
    (folder / 'labels.csv').write_text(
        'file,label,place,light\none.png,Happy,indoors,warm\ntwo.png,Sad,outdoors,warm\n'
        'wall.png,Happy,outdoors,cold\n'
    )
    return folder


def evaluate(folder, made_csv, *words) -> int:
    places = ['--data', str(made_csv), '--cache', str(folder / 'cache')]
    model = ['--model', str(MODEL), '--out', str(folder / 'out'), '--threads', '1']
    return main(['evaluate', *places, *model, *words])


def test_evaluate_reports_portraits_by_group(folder, made_csv, capsys):
    assert evaluate(folder, made_csv, '--portraits', str(folder)) == 0
    document = json.loads((folder / 'out/scores.json').read_text())['portraits']
    assert document.keys() == {'fer2013', 'ferplus', 'balanced'}
    assert list(document['ferplus']) == [
        'all',
        'place: indoors',
        'place: outdoors',
        'light: cold',
        'light: warm',
    ]
    # The wall shows no face, which is wrong; the astronaut smiles, whatever the label says.
    for found in document.values():
        assert found['all'] == {'found': [2, 3], 'right': [1, 3], 'Happy': [1, 2], 'Sad': [0, 1]}
        assert found['place: indoors']['Happy'] == [1, 1]
        assert found['place: outdoors'] == {
            'found': [1, 2],
            'right': [0, 2],
            'Happy': [0, 1],
            'Sad': [0, 1],
        }
    report = (folder / 'out/report.md').read_text()
    assert '| light: cold | 0% (0% to 79%; 0 of 1) |' in report
    assert 'ferplus: found 67% (21% to 94%; 2 of 3); right Happy 50%' in capsys.readouterr().out


def test_a_column_can_be_chosen(folder):
    read = portraits.read_portraits(folder, ('light',))
    assert list(read.groups) == ['light']
    assert read.files == ('one.png', 'two.png', 'wall.png')
    assert [EMOTION_NAMES[label] for label in read.labels] == ['Happy', 'Sad', 'Happy']


def test_shares_of_groups_add_up_to_all():
    rng = np.random.default_rng(2)
    labels = rng.choice([3, 6], 40)
    members = tuple(rng.choice(['a', 'b', 'c'], 40).tolist())
    read = Portraits(Path('x'), ('x.png',) * 40, labels, {'group': members})
    scored = PortraitScores(read, 'fer2013', rng.choice([NO_FACE, 3, 6], 40))
    everyone, *groups = scored.masks().values()
    assert sum(scored.right(rows).hits for rows in groups) == scored.right(everyone).hits
    for name in ('Happy', 'Neutral'):
        counts = [scored.recalls(rows)[name].count for rows in groups]
        assert sum(counts) == scored.recalls(everyone)[name].count
    assert portraits_report.section([scored]).count('\n| group: ') == 3


def test_a_group_without_a_label_has_no_share_of_it():
    read = Portraits(Path('x'), ('x', 'y'), np.array([3, 6]), {'side': ('left', 'right')})
    scored = PortraitScores(read, 'fer2013', np.array([3, 3]))
    share = scored.recalls(scored.masks()['side', 'left'])['Neutral']
    assert math.isnan(share.value)
    assert portraits_report.percent(share) == '-'


@pytest.mark.parametrize(
    ('text', 'words', 'sentence'),
    [
        (None, (), 'labels.csv cannot be read'),
        ('file,label\n', (), 'lists no images'),
        ('file,emotion\none.png,Happy\n', (), 'has no column "label" \\(it has: file, emotion\\)'),
        ('file,label\none.png,Happy\n', ('age',), 'has no column "age"'),
        ('file,label\none.png,Joy\n', (), 'has the label "Joy": use one of Angry, '),
        ('file,label\none.png\n', (), 'has the label "None"'),
        ('file,label\nthree.png,Happy\n', (), 'names an image "three.png" that is not there'),
    ],
)
def test_label_files_that_are_refused(tmp_path, text, words, sentence):
    (tmp_path / 'one.png').touch()
    if text is not None:
        (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(TrainingError, match=sentence):
        portraits.read_portraits(tmp_path, words or None)


def test_a_damaged_image_is_an_error(folder, tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no image')
    (tmp_path / 'labels.csv').write_text('file,label\nbroken.png,Happy\n')
    reader = portraits.open_reader(MODEL, 1)
    with pytest.raises(TrainingError, match=r'broken\.png'):
        portraits.logits(reader, portraits.read_portraits(tmp_path))


def test_words_without_effect_and_models_that_cannot_run(folder, made_csv, tmp_path, capsys):
    assert evaluate(folder, made_csv, '--group', 'light') == 1
    assert 'give their folder with --portraits' in capsys.readouterr().err
    with pytest.raises(TrainingError, match=r'exported \.onnx'):
        portraits.open_reader(tmp_path / 'best.ckpt', None)
