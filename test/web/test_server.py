"""The served page as a program sees it that wants more than a browser would ask for."""

import base64
import http.client
import io
import json
import queue
import signal
import socket
import struct
import sys
import zlib
from importlib.util import find_spec
from urllib.parse import quote, urlsplit
from zlib import crc32

import pytest

from emotion_perception.cli import web
from emotion_perception.cli.main import main
from emotion_perception.cli.web import somebody_sits_here

# Importing it would take seconds.
needs_gradio = pytest.mark.skipif(
    find_spec('gradio') is None, reason='gradio is not installed: make web-env'
)


JSON = {'Content-Type': 'application/json'}


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


def functions(server):
    """What the page can be asked to do: number and inputs of each function."""
    config = json.loads(ask(server, 'GET', '/config')[1])
    found = {each['id']: len(each['inputs']) for each in config['dependencies'] if each['inputs']}
    assert len(found) >= 6
    return found


def join(server, fn_index, data, session='thief', door='queue/join'):
    body = json.dumps({'data': data, 'fn_index': fn_index, 'session_hash': session})
    return ask(server, 'POST', f'/gradio_api/{door}', body, **JSON)[0]


def await_message(server, session, text):
    """Reads what a visitor is told until a text comes; a webcam is never done."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    try:
        connection.request('GET', f'/gradio_api/queue/data?session_hash={session}')
        assert any(text in line for line in connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize('kind', ['address', 'path', 'url'])
def test_no_input_of_any_function_fetches_an_address_or_opens_a_foreign_file(server, media, kind):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(0)
        address = f'http://127.0.0.1:{listener.getsockname()[1]}/photo.png'
        foreign = {'path': str(media / 'photo.png') if kind == 'path' else address}
        if kind == 'url':
            foreign = {'url': address}
        foreign['meta'] = {'_type': 'gradio.FileData'}
        for fn_index, inputs in functions(server).items():
            for index in range(inputs):
                for value in (foreign, [{'deep': foreign}]):
                    data = [None] * inputs
                    data[index] = value
                    assert join(server, fn_index, data) == 403
                    assert join(server, fn_index, data, door='run/predict') == 403
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_only_what_needs_no_queue_may_be_asked_for_past_it(server):
    asked = json.loads(ask(server, 'GET', '/config')[1])['dependencies']
    assert {each['queue'] for each in asked} == {True, False}
    for each in asked:
        if not each['backend_fn']:  # a cancellation, which browsers ask for at another door
            continue
        data = [None] * len(each['inputs'])
        expected = 404 if each['queue'] else 200
        assert join(server, each['id'], data, door='run/predict') == expected


@pytest.mark.parametrize(
    'path', ['queue/join', 'run/predict', 'stream/x', 'cancel', 'reset', 'upload']
)
def test_too_large_a_body_is_refused_before_it_is_read(server, path):
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=120) as client:
        head = f'POST /gradio_api/{path} HTTP/1.1\r\nHost: {address.netloc}\r\n'
        client.sendall(f'{head}Content-Length: 2000000000\r\n\r\n'.encode())
        assert b' 413 ' in client.recv(100)
    with socket.create_connection((address.hostname, address.port), timeout=120) as client:
        client.sendall(f'{head}Transfer-Encoding: chunked\r\n\r\n'.encode())
        assert b' 411 ' in client.recv(100)


def huge_png():
    """16384x8192 black pixels: 400 MB in 390 kB."""

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * 16384)
    pixels = b''.join([*(packer.compress(row) for _ in range(8192)), packer.flush()])
    head = struct.pack('>IIBBBBB', 16384, 8192, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        [chunk(b'IHDR', head), chunk(b'IDAT', pixels), chunk(b'IEND', b'')]
    )


def test_huge_images_of_eight_visitors_are_refused_and_fill_no_memory(server):
    png = huge_png()
    camera, photo = (
        function_of(server, 'camera', 'stream'),
        function_of(server, 'photo', 'upload'),
    )
    (path,) = json.loads(upload(server, png)[1])
    shown = {'url': f'data:image/png;base64,{base64.b64encode(png).decode()}'}
    for number in range(8):
        for name, function, value in (('w', camera, shown), ('p', photo, {'path': path})):
            file = {**value, 'meta': {'_type': 'gradio.FileData'}}
            values = [file, 0, 24, 0.3, 'balanced', False, False]
            assert join(server, function, values, f'{name}{number}') == 200
    for number in range(8):
        for name in 'wp':
            await_message(server, f'{name}{number}', b'it is 16384x8192 pixels, and more than')
    assert server.peak_memory_mb() < 1500


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


def test_other_sites_are_refused(server):
    assert ask(server, 'GET', '/', Host='evil.example')[0] == 403
    assert ask(server, 'GET', '/', Origin='http://evil.example')[0] == 403


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_stopped_server_leaves_no_file(server_factory, media, number):
    server = server_factory('--detector', 'haar')
    assert upload(server, (media / 'photo.png').read_bytes())[0] == 200
    assert server.uploads_and_results() == ['photo.png']
    assert server.stop(number) == 0
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


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ('variables', 'output', 'opened'),
    [
        ({'DISPLAY': ':0'}, Terminal(), True),
        ({'WAYLAND_DISPLAY': 'wayland-0'}, Terminal(), True),
        ({'DISPLAY': ':10', 'SSH_CONNECTION': '10.0.0.1 1 10.0.0.2 22'}, Terminal(), False),
        ({'DISPLAY': ':0'}, io.StringIO(), False),
        ({}, Terminal(), False),
    ],
)
def test_browser_is_opened_for_a_person_with_a_screen(variables, output, opened, monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'linux')
    assert somebody_sits_here(variables, output) is opened


@needs_gradio
@pytest.mark.parametrize('options', [(), ('--no-browser',)])
def test_browser_gets_the_address_that_is_printed(options, monkeypatch, capsys):
    opened = queue.SimpleQueue()
    monkeypatch.setattr(web, 'serve', lambda *_: None)
    monkeypatch.setattr(web, 'somebody_sits_here', lambda *_: True)
    monkeypatch.setattr(web.webbrowser, 'open', opened.put)
    assert main(['web', '--port', '0', *options]) == 0
    printed = capsys.readouterr().out
    if options:
        assert opened.empty()
    else:
        assert f'The page is at {opened.get(timeout=60)} (' in printed
