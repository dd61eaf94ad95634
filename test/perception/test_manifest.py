import json

import numpy as np
import pytest

from emotion_perception.errors import ModelError
from emotion_perception.inference.manifest import (
    Balance,
    Manifest,
    manifest_path_for,
    read_manifest,
    read_model_file,
    sha256_of,
    write_manifest,
)
from emotion_perception.inference.preprocessing import Exposure, Preprocessing
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.limits import MAX_MODEL_BYTES

MANIFEST = Manifest(
    name='alexnet',
    file='alexnet.onnx',
    sha256='a' * 64,
    preprocessing=Preprocessing(48, 227, 0.51, 0.25, Exposure(min_mean=40)),
    temperature=1.3,
    ferplus_temperature=0.9,
    balance=Balance((0.09, 0.01, 0.03, 0.26, 0.15, 0.12, 0.34), 0.7),
    scores={'PrivateTest': 0.64},
    training={'recipe': 'first'},
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'alexnet.json'
    write_manifest(MANIFEST, path)
    return path


def change(path, edit):
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def refusal(path):
    with pytest.raises(ModelError) as caught:
        read_manifest(path)
    sentence = str(caught.value)
    assert '\n' not in sentence
    assert sentence.endswith('.')
    assert str(path) in sentence
    return sentence


def test_round_trip(path):
    assert read_manifest(path) == MANIFEST


def test_a_manifest_written_before_there_were_two_results(path):
    change(path, lambda document: document.pop('ferplus_temperature'))
    assert read_manifest(path).temperatures == {'fer2013': 1.3}


def test_a_manifest_written_before_there_were_balanced_predictions(path):
    change(path, lambda document: document.pop('balance'))
    manifest = read_manifest(path)
    assert list(manifest.calibrations) == ['fer2013', 'ferplus']
    assert manifest.default_labels == 'fer2013'


def test_a_bonus_moves_a_class_and_the_temperature_no_strongest_one():
    balance = Balance((0.1,) * 7, 0.5, 0.8, (0.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0))
    plain = Balance((0.1,) * 7, 0.5)
    taken = np.subtract(plain.offsets, np.multiply(balance.offsets, 0.8))
    np.testing.assert_allclose(taken, balance.bonus, atol=1e-12)


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('shares', [0.5, 0.5]),
        ('shares', [0.0, *[0.1] * 6]),
        ('shares', ['a', *[0.1] * 6]),
        ('strength', float('inf')),
        ('bonus', [1.0]),
        ('bonus', ['a', *[0.1] * 6]),
        ('temperature', 0.0),
        ('other', 1),
    ],
)
def test_a_balance_that_makes_no_sense(path, key, value):
    change(path, lambda document: document['balance'].__setitem__(key, value))
    assert 'is invalid' in refusal(path) or 'is not valid JSON' in refusal(path)


def test_a_manifest_written_before_there_was_a_correction_of_exposure(path):
    change(path, lambda document: document['preprocessing'].pop('exposure'))
    assert read_manifest(path).preprocessing.exposure is None


def test_defaults_are_those_of_fer2013():
    manifest = Manifest('m', 'm.onnx', '0' * 64)
    assert manifest.labels == EMOTION_NAMES
    assert (manifest.preprocessing.face_size, manifest.preprocessing.input_size) == (48, 227)
    assert manifest.temperatures == {'fer2013': 1.0}


def test_the_manifest_lies_beside_the_model(tmp_path):
    assert manifest_path_for(tmp_path / 'a.b.onnx') == tmp_path / 'a.b.json'


def test_missing_file(tmp_path):
    assert 'cannot be read' in refusal(tmp_path / 'missing.json')


@pytest.mark.parametrize('text', ['', '{', 'not json', '{"schema": 1'])
def test_no_json(path, text):
    path.write_text(text)
    assert 'not valid JSON' in refusal(path)


def test_bytes_that_are_no_text(path):
    path.write_bytes(b'\xff\xfe\x00{}')
    refusal(path)


@pytest.mark.parametrize('text', ['[]', '3', 'null', '"text"'])
def test_json_of_another_kind(path, text):
    path.write_text(text)
    assert 'invalid' in refusal(path)


@pytest.mark.parametrize(
    ('edit', 'part'),
    [
        (lambda d: d.update(schema=2), 'schema is 2'),
        (lambda d: d.pop('schema'), 'schema is None'),
        (lambda d: d.pop('labels'), 'labels'),
        (lambda d: d.pop('sha256'), 'sha256'),
        (lambda d: d.pop('preprocessing'), 'preprocessing'),
        (lambda d: d.pop('framing'), 'framing'),
        (lambda d: d.update(extra=1), 'extra'),
        (lambda d: d['preprocessing'].update(gamma=2), 'gamma'),
        (lambda d: d['labels'].reverse(), 'labels must be Angry'),
        (lambda d: d['labels'].append('Contempt'), 'labels must be Angry'),
        (lambda d: d.update(labels=None), 'NoneType'),
        (lambda d: d.update(file='../elsewhere.onnx'), 'plain name'),
        (lambda d: d.update(temperature=0), 'positive'),
        (lambda d: d.update(temperature='hot'), 'temperature'),
        (lambda d: d['preprocessing'].update(std=0), 'positive'),
        (lambda d: d['preprocessing']['exposure'].update(std=0), 'positive'),
        (lambda d: d['preprocessing']['exposure'].update(mean='bright'), 'bright'),
        (lambda d: d['preprocessing']['exposure'].update(gamma=2), 'gamma'),
        (lambda d: d['preprocessing'].update(exposure=[1, 2]), 'TypeError'),
        (lambda d: d['framing']['landmarks'].pop(), '5 landmarks'),
    ],
)
def test_invalid_fields(path, edit, part):
    change(path, edit)
    sentence = refusal(path)
    assert part in sentence or part == 'temperature'


def test_the_hash_of_a_file(tmp_path):
    file = tmp_path / 'file'
    file.write_bytes(b'abc')
    assert sha256_of(file) == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'


def test_another_file_is_refused(tmp_path):
    model = tmp_path / 'alexnet.onnx'
    model.write_bytes(b'something else')
    with pytest.raises(ModelError, match=r'damaged or was replaced.*export it again\.$'):
        read_model_file(MANIFEST, model)
    with pytest.raises(ModelError, match='does not exist'):
        read_model_file(MANIFEST, tmp_path / 'missing.onnx')


def test_a_file_too_large_for_a_model_is_not_read(tmp_path):
    model = tmp_path / 'huge.onnx'
    with model.open('wb') as file:
        file.truncate(MAX_MODEL_BYTES + 1)  # a hole: no disk is used
    with pytest.raises(ModelError, match=r'at most 1024 are read\): set `model_path`'):
        read_model_file(MANIFEST, model)


def test_a_manifest_too_large_is_not_read(tmp_path):
    path = tmp_path / 'huge.json'
    with path.open('wb') as file:
        file.truncate(1 << 21)
    with pytest.raises(ModelError, match='more than 1 MiB and is none: export'):
        read_manifest(path)
