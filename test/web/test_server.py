"""The served page as a program sees it that wants more than a browser would ask for."""

import http.client
import json
import socket
from importlib.util import find_spec
from urllib.parse import quote, urlsplit

import pytest

from emotion_perception.cli.main import main

# Importing it would take seconds.
needs_gradio = pytest.mark.skipif(
    find_spec('gradio') is None, reason='gradio is not installed: make web-env'
)


def ask(server, method, path, body=None, **headers):
    """Status and body of a request whose path is sent as it is."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def upload(server, data, name='photo.png'):
    body = (
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b'\r\n--x--\r\n'
    )
    headers = {'Content-Type': 'multipart/form-data; boundary=x'}
    return ask(server, 'POST', '/gradio_api/upload', body, **headers)


def function_of(server, elem_id, event):
    config = json.loads(ask(server, 'GET', '/config')[1])
    component = next(c['id'] for c in config['components'] if c['props'].get('elem_id') == elem_id)
    return next(d['id'] for d in config['dependencies'] if [component, event] in d['targets'])


def result_to(server, fn_index, path):
    """Joins the queue as the page does, with a file of our choice; the last message of it."""
    file = {'path': str(path), 'meta': {'_type': 'gradio.FileData'}}
    body = {'data': [file, 0, 24, 0.3], 'fn_index': fn_index, 'session_hash': 'thief'}
    headers = {'Content-Type': 'application/json'}
    status, _ = ask(server, 'POST', '/gradio_api/queue/join', json.dumps(body), **headers)
    assert status == 200
    stream = ask(server, 'GET', '/gradio_api/queue/data?session_hash=thief')[1].decode()
    messages = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith('data: ')]
    return next(m for m in messages if m['msg'] == 'process_completed')


@pytest.mark.parametrize(
    'path',
    [
        *('/etc/hostname', '../../../../etc/hostname', '%2e%2e/%2e%2e/etc/hostname'),
        *('pyproject.toml', './models/README.md', '//etc/hostname', 'file:///etc/hostname'),
    ],
)
def test_files_of_the_machine_are_not_served(server, path):
    status, body = ask(server, 'GET', f'/gradio_api/file={path}')
    assert status in (403, 404)
    assert b'\n' not in body.strip()


def test_path_that_leaves_the_folder_of_uploads_is_not_served(server, tmp_path):
    secret = tmp_path / 'secret.txt'
    secret.write_text('secret')
    inside = next(server.folder.glob('emotion-web-*/files'))
    for way in (f'{inside}/../../../{secret}', quote(f'{inside}/../lock'), str(secret)):
        status, body = ask(server, 'GET', f'/gradio_api/file={way}')
        assert status in (403, 404)
        assert b'secret' not in body.replace(b'secret.txt', b'')


def test_upload_stays_in_its_folder_whatever_its_name(server):
    before = set(server.folder.rglob('*'))
    status, body = upload(server, b'x', '../../../../escaped.png')
    assert status in (200, 400)
    if status == 200:
        files = next(server.folder.glob('emotion-web-*/files'))
        assert all(path.startswith(str(files)) for path in json.loads(body))
    new = {path.name for path in set(server.folder.rglob('*')) - before if path.is_file()}
    assert new <= {'escaped.png'}


def test_too_large_upload_is_refused(server):
    assert upload(server, bytes(1_100_000))[0] == 413


def test_photo_of_the_machine_is_not_looked_at(server, media):
    photo, before = function_of(server, 'photo', 'upload'), server.uploads_and_results()
    assert not result_to(server, photo, media / 'photo.png')['success']
    assert server.uploads_and_results() == before


def test_address_in_place_of_a_photo_is_not_fetched(server):
    photo = function_of(server, 'photo', 'upload')
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(0)
        address = f'http://127.0.0.1:{listener.getsockname()[1]}/photo.png'
        assert not result_to(server, photo, address)['success']
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_other_sites_are_refused(server):
    assert ask(server, 'GET', '/', Host='evil.example')[0] == 403
    assert ask(server, 'GET', '/', Origin='http://evil.example')[0] == 403


@pytest.mark.slow
def test_stopped_server_leaves_no_file(server_factory, media):
    server = server_factory('--detector', 'haar')
    assert upload(server, (media / 'photo.png').read_bytes())[0] == 200
    assert server.uploads_and_results() == ['photo.png']
    assert server.stop() == 0
    # ONNX Runtime leaves a file of its own.
    assert {path.name for path in server.folder.iterdir()} <= {'.ses'}


@needs_gradio
def test_taken_port_is_said_in_a_sentence(capsys):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        assert main(['web', '--port', str(taken.getsockname()[1])]) == 1
    assert 'another program listens there' in capsys.readouterr().err


def test_missing_gradio_is_said_in_a_sentence(capsys, monkeypatch):
    monkeypatch.setattr('emotion_viewers.web.server.find_spec', lambda name: None)
    assert main(['web']) == 1
    assert 'make web-env' in capsys.readouterr().err


@needs_gradio
def test_page_for_the_whole_network_warns(capsys, monkeypatch):
    monkeypatch.setattr('emotion_perception.cli.web.serve', lambda *arguments: None)
    assert main(['web', '--host', '0.0.0.0', '--port', '0', '--detector', 'haar']) == 0
    output = capsys.readouterr()
    assert 'everybody who can reach 0.0.0.0' in output.err
    assert 'http://127.0.0.1:' in output.out
