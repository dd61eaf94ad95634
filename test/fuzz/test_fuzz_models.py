"""Models and manifests: any bytes behind a right hash, any JSON."""

import json

import pytest
from fuzzing import changed_documents, fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st
from tiny_yunet import yunet_like

from emotion_perception.inference.manifest import manifest_path_for

TOKENS = (
    b'[' * 2000,
    b'{"a":' * 500,
    b'NaN',
    b'1e999',
    b'\xff',
    b'null',
    b'"\\ud800"',
    b'9' * 5000,
)


@fuzz(60)
@given(data=st.data())
def test_any_model_is_run_or_refused(child, tiny_model, data):
    manifest = manifest_path_for(tiny_model).read_text()
    content = data.draw(mutated([tiny_model.read_bytes()]))
    child.run('models', 'model', content, manifest=manifest)


@fuzz(80)
@given(data=st.data())
def test_any_manifest_is_used_or_refused(child, tiny_model, data):
    text = manifest_path_for(tiny_model).read_bytes()
    if data.draw(st.booleans()):
        text = json.dumps(data.draw(changed_documents(json.loads(text)))).encode()
    else:
        text = data.draw(mutated([text], TOKENS))
    child.run('manifests', 'manifest', text, model=str(tiny_model))


@pytest.fixture(scope='module')
def yunet(tmp_path_factory):
    path = tmp_path_factory.mktemp('yunet') / 'yunet.onnx'
    yunet_like(path, 32)
    return path.read_bytes()


@fuzz(6)
@given(data=st.data())
def test_any_detector_file_is_used_or_refused(child, yunet, data):
    child.run('detector files', 'yunet', data.draw(mutated([yunet])))
