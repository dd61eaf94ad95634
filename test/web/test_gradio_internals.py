"""What the page changes in Gradio, whose bound in requirements/web.in goes with it."""

import inspect

import pytest

gradio = pytest.importorskip('gradio', reason='make web-env')

from gradio import processing_utils, routes
from gradio.server_messages import CloseStreamMessage, ProcessCompletedMessage

from emotion_viewers.web.components import take_uploads
from emotion_viewers.web.page import SCRIPT


def test_uploads_pass_the_method_that_the_page_replaces(tmp_path):
    image = gradio.Image(type='filepath')
    replaced = image.async_move_resource_to_block_cache
    assert inspect.iscoroutinefunction(replaced)
    assert len(inspect.signature(replaced).parameters) == 1
    assert 'block.async_move_resource_to_block_cache(' in inspect.getsource(processing_utils)
    take_uploads(image, tmp_path)
    assert image.async_move_resource_to_block_cache is not replaced


def test_a_mounted_page_must_be_told_that_it_has_launched():
    with gradio.Blocks() as blocks:
        pass
    assert blocks.has_launched is False
    assert 'blocks.has_launched' in inspect.getsource(processing_utils)


def test_results_come_by_the_requests_and_messages_that_the_pages_script_reads():
    source = inspect.getsource(routes)
    assert all(f"'{path}'" in source.replace('"', "'") for path in ('/queue/join', '/queue/data'))
    assert CloseStreamMessage().msg == 'close_stream'
    assert ProcessCompletedMessage(output={}, success=True).msg == 'process_completed'
    assert 'event_id' in ProcessCompletedMessage.model_fields
    for word in ('/queue/join', '/queue/data', 'close_stream', 'process_completed', 'event_id'):
        assert word in SCRIPT
