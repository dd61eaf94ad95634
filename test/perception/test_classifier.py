import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_model import make_tiny_model

from emotion_perception.errors import ModelError, ProviderError
from emotion_perception.inference.classifier import MAX_BATCH, EmotionClassifier, softmax
from emotion_perception.inference.manifest import Balance, manifest_path_for, sha256_of
from emotion_perception.inference.onnx_session import CPU_PROVIDER, ProviderSettings
from emotion_perception.labels import LABEL_SETS, Emotion


@pytest.fixture(scope='module')
def classifier(tiny_model):
    return EmotionClassifier(tiny_model, ProviderSettings(('cpu',)))


@pytest.fixture
def model(tmp_path):
    """A model that a test may damage."""
    return make_tiny_model(tmp_path)


def refusal(path):
    with pytest.raises(ModelError) as caught:
        EmotionClassifier(path)
    sentence = str(caught.value)
    assert '\n' not in sentence
    assert 'Traceback' not in sentence
    return sentence


def resign(path):
    """Writes the hash of a changed model into its manifest."""
    manifest = manifest_path_for(path)
    document = json.loads(manifest.read_text())
    document['sha256'] = sha256_of(path)
    manifest.write_text(json.dumps(document))


def faces(*values):
    return np.stack([np.full((48, 48), value, np.uint8) for value in values])


# --- results -----------------------------------------------------------------------------------


def test_a_batch_of_faces(classifier):
    rows = classifier.classify(faces(250, 5, 128))
    assert rows.shape == (3, 7)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    # The tiny model takes a bright face for happy and a dark one for sad.
    assert rows.argmax(axis=1).tolist()[:2] == [Emotion.HAPPY, Emotion.SAD]


@pytest.fixture(scope='module')
def two_results(tmp_path_factory):
    balance = Balance((0.02, 0.1, 0.1, 0.2, 0.1, 0.1, 0.38), 1.0)
    manifest = {'temperature': 2.0, 'ferplus_temperature': 0.5, 'balance': balance}
    return make_tiny_model(tmp_path_factory.mktemp('two'), votes=True, manifest=manifest)


def test_the_labels_choose_the_result_and_its_temperature(two_results):
    rows = {}
    for label_set in LABEL_SETS:
        classifier = EmotionClassifier(two_results, ProviderSettings(('cpu',)), label_set)
        assert classifier.label_set == label_set
        rows[label_set] = classifier.classify(faces(250, 5))
    assert rows['fer2013'].argmax(axis=1).tolist() == [Emotion.HAPPY, Emotion.SAD]
    assert rows['ferplus'].argmax(axis=1).tolist() == [Emotion.NEUTRAL, Emotion.ANGRY]
    # The probabilities at temperature 1, over the shares of what the output was taught.
    shares = np.array([0.02, 0.1, 0.1, 0.2, 0.1, 0.1, 0.38])
    wanted = np.sqrt(rows['ferplus']) / shares
    np.testing.assert_allclose(
        rows['balanced'], wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-4
    )
    # Both logits have the same size, so the lower temperature is the surer one.
    assert (rows['ferplus'].max(axis=1) > rows['fer2013'].max(axis=1)).all()


def test_other_labels_are_predicted_without_loading_the_model_again(two_results):
    first = EmotionClassifier(two_results, ProviderSettings(('cpu',)), 'fer2013')
    before = first.classify(faces(250, 5))
    for label_set in LABEL_SETS:
        loaded = EmotionClassifier(two_results, ProviderSettings(('cpu',)), label_set)
        other = first.predicting(label_set)
        assert other.label_set == label_set
        np.testing.assert_array_equal(other.classify(faces(250, 5)), loaded.classify(faces(250, 5)))
    assert first.label_set == 'fer2013'
    np.testing.assert_array_equal(first.classify(faces(250, 5)), before)
    with pytest.raises(ModelError, match='cannot predict the labels dreams'):
        first.predicting('dreams')


def test_where_nobody_chooses_predictions_are_balanced_if_the_model_can(two_results, tiny_model):
    assert EmotionClassifier(two_results, ProviderSettings(('cpu',))).label_set == 'balanced'
    assert EmotionClassifier(tiny_model, ProviderSettings(('cpu',))).label_set == 'fer2013'


def test_labels_that_the_model_does_not_know(tiny_model):
    with pytest.raises(ModelError, match='labels ferplus: set `labels` to fer2013, or use a model'):
        EmotionClassifier(tiny_model, label_set='ferplus')


def test_an_result_that_the_manifest_promises_and_the_file_lacks(tmp_path):
    path = make_tiny_model(tmp_path, manifest={'ferplus_temperature': 1.0})
    assert 'not 2 of [batch, 7]' in refusal(path)


def test_outputs_of_other_names(tmp_path):
    path = make_tiny_model(tmp_path, votes=True)
    model = onnx.load(path)
    model.graph.output[0].name = model.graph.node[2].output[0] = 'voted'
    onnx.save(model, path)
    resign(path)
    EmotionClassifier(path, ProviderSettings(('cpu',)))
    with pytest.raises(ModelError, match='has no output "ferplus_logits": export it again'):
        EmotionClassifier(path, label_set='ferplus')


def test_no_faces(classifier):
    rows = classifier.classify(np.empty((0, 48, 48), np.uint8))
    assert rows.shape == (0, 7)
    assert rows.dtype == np.float32


def test_a_face_does_not_depend_on_its_batch(classifier):
    batch = np.random.default_rng(2).integers(0, 256, (5, 48, 48), np.uint8)
    single = np.concatenate([classifier.classify(face[None]) for face in batch])
    np.testing.assert_allclose(classifier.classify(batch), single, atol=1e-6)


def test_the_provider_in_use_is_told(classifier):
    assert classifier.provider == CPU_PROVIDER


def test_the_temperature_calibrates(tmp_path):
    sharp, soft = (
        EmotionClassifier(make_tiny_model(tmp_path / str(t), manifest={'temperature': t}))
        for t in (1.0, 4.0)
    )
    bright = faces(250)
    a, b = sharp.classify(bright)[0], soft.classify(bright)[0]
    assert a.argmax() == b.argmax()
    expected = softmax(np.log(a) / 4.0)
    np.testing.assert_allclose(b, expected, atol=1e-5)


def test_softmax_does_not_overflow():
    rows = softmax(np.array([[1e4, 0, -1e4], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(rows, [[1, 0, 0], [1 / 3] * 3], atol=1e-7)


# --- unusable models ---------------------------------------------------------------------------


def test_missing_model(tmp_path):
    missing = tmp_path / 'missing.onnx'
    assert refusal(missing).startswith(f'Model file {missing} does not exist: set `model_path`')


def test_a_folder_is_no_model(tmp_path):
    assert 'does not exist' in refusal(tmp_path)


def test_missing_manifest(model):
    manifest_path_for(model).unlink()
    assert 'cannot be read' in refusal(model)


def test_another_hash_than_the_manifest_says(model):
    with model.open('ab') as file:
        file.write(b'\0')
    assert 'damaged or was replaced' in refusal(model)


def test_truncated_model(model):
    model.write_bytes(model.read_bytes()[:-40])
    assert 'damaged or was replaced' in refusal(model)


@pytest.mark.parametrize('keep', [0, 20, -40])
def test_a_damaged_model_with_the_right_hash(model, keep):
    model.write_bytes(model.read_bytes()[:keep])
    resign(model)
    sentence = refusal(model)
    assert str(model) in sentence


def test_text_instead_of_a_model(model):
    model.write_text('version https://git-lfs.github.com/spec/v1\n')
    resign(model)
    assert str(model) in refusal(model)


@pytest.mark.parametrize('classes', [6, 8])
def test_another_number_of_classes(tmp_path, classes):
    sentence = refusal(make_tiny_model(tmp_path, classes=classes))
    assert f'{classes}]' in sentence
    assert 'seven' in sentence


def test_another_input_size_than_the_manifest_says(tmp_path):
    sentence = refusal(make_tiny_model(tmp_path, input_size=224))
    assert '224' in sentence
    assert '227' in sentence


def test_fixed_batch(tmp_path):
    sentence = refusal(make_tiny_model(tmp_path, dynamic=False))
    assert 'fixed batch of 1' in sentence
    assert 'dynamic batch' in sentence


def test_another_type_of_input(tmp_path, model):
    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['image'], ['all'], to=TensorProto.FLOAT),
            helper.make_node('ReduceMean', ['all'], ['mean'], axes=[1, 2], keepdims=0),
            helper.make_node('Concat', ['mean', 'mean'], ['out'], axis=1),
        ],
        'bytes',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, ['batch', 3, 227, 227])],
        [helper.make_tensor_value_info('out', TensorProto.FLOAT, ['batch', 7])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8), model
    )
    resign(model)
    assert str(model) in refusal(model)


def test_wrong_labels(tmp_path):
    labels = ('a', 'b', 'c', 'd', 'e', 'f', 'g')
    sentence = refusal(make_tiny_model(tmp_path, manifest={'labels': labels}))
    assert 'labels must be Angry, Disgust, Fear, Happy, Sad, Surprise, Neutral' in sentence


def test_a_manifest_that_is_no_json(model):
    manifest_path_for(model).write_text('{')
    assert 'not valid JSON' in refusal(model)


def test_an_unknown_provider(model):
    with pytest.raises(ProviderError, match='warp'):
        EmotionClassifier(model, ProviderSettings(('warp',)))


def test_a_crowd_is_processed_in_parts_and_in_order(classifier):
    sizes = []
    run = classifier._network.run
    classifier._network.run = lambda batch: sizes.append(len(batch)) or run(batch)
    grey = np.linspace(0, 255, 2 * MAX_BATCH + 1).astype(np.uint8)
    faces = np.broadcast_to(grey[:, None, None], (len(grey), 48, 48))

    probabilities = classifier.classify(faces)

    assert sizes == [MAX_BATCH, MAX_BATCH, 1]
    single = np.concatenate([classifier.classify(face[None]) for face in faces])
    np.testing.assert_allclose(probabilities, single, atol=1e-6)
