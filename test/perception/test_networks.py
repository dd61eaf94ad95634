"""All networks of a pipeline run on the hardware that was chosen."""

import pytest

from emotion_perception import EmotionRecognizer
from emotion_perception.errors import ProviderError
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import load_networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings


def test_the_networks_of_heads_run_where_the_others_do(portrait):
    networks = load_networks(providers=ProviderSettings(('cpu',), num_threads=3))
    pipeline = EmotionPipeline(networks, PipelineSettings(head_pose=True))
    (face,) = pipeline.process(portrait, 0)
    assert face.head is not None
    options = networks.heads._mesh.session.get_session_options()
    assert options.intra_op_num_threads == 3


def test_a_recognizer_estimates_heads_where_it_was_told_to():
    recognizer = EmotionRecognizer(providers=ProviderSettings(('cpu',), num_threads=2))
    assert recognizer._networks.heads._providers.num_threads == 2


def test_hardware_that_is_strictly_wanted_and_not_there_is_said():
    with pytest.raises(ProviderError):
        load_networks(providers=ProviderSettings(('coreml',), strict=True))
