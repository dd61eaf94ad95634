"""What a network camera responds that gives no video, each in a sentence of its own."""

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

import cv2
import numpy as np
import pytest

from emotion_perception.errors import SourceError
from emotion_perception.sources import open_source


@contextmanager
def camera(respond):
    """Address of an HTTP camera whose responses a function writes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        def log_message(self, *arguments):
            pass

    with serving(ThreadingHTTPServer(('127.0.0.1', 0), Handler)) as address:
        yield address


@contextmanager
def serving(server):
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'127.0.0.1:{server.server_address[1]}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def status(code, **headers):
    def respond(request):
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace('_', '-'), value)
        request.end_headers()

    return respond


def page(request):
    status(200, Content_Type='text/html')(request)
    request.wfile.write(b'<h1>Log in</h1>')


RESPONSES = {
    'wrong password': (status(401, WWW_Authenticate='Basic realm="x"'), 'refuses the user or the'),
    'wrong digest': (
        status(401, WWW_Authenticate='Digest realm="x", nonce="1", qop="auth"'),
        'refuses the user or the password (HTTP status 401)',
    ),
    'forbidden': (status(403), 'refuses the user or the password (HTTP status 403)'),
    'no such path': (status(404), 'has nothing at this address (HTTP status 404): check its path'),
    'error': (status(500), 'has an error of its own (HTTP status 500): restart it'),
    'starting': (status(503), 'has an error of its own (HTTP status 503)'),
    'redirect': (
        status(302, Location='http://127.0.0.1:1/x?pwd=s3cret'),
        'points to http://127.0.0.1:1/x?pwd=*** (HTTP status 302), which is not followed: give',
    ),
    'page': (page, 'sends no video (but text/html): check the path'),
    'garbage': (lambda request: request.wfile.write(b'\xff\x00garbage\n'), 'does not speak HTTP'),
    'nothing': (lambda request: None, 'does not speak HTTP'),
}


@pytest.mark.parametrize('name', RESPONSES)
def test_each_failure_has_its_sentence(name):
    respond, sentence = RESPONSES[name]
    with camera(respond) as host, pytest.raises(SourceError) as caught:
        open_source(f'http://me:s3cret@{host}/video?pwd=s3cret')
    assert f'Stream http://{host}/video?pwd=*** {sentence}' in str(caught.value)
    assert 's3cret' not in str(caught.value)


def motion_jpeg(request):
    data = cv2.imencode('.jpg', np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    status(200, Content_Type='multipart/x-mixed-replace; boundary=x')(request)
    head = b'--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n' % len(data)
    with suppress(OSError):  # the reader has seen enough
        for _ in range(50):
            request.wfile.write(head + data + b'\r\n')


@pytest.mark.skipif(
    not hasattr(cv2.utils, 'logging'), reason='the FFmpeg of an old OpenCV follows redirects'
)
def test_a_camera_cannot_send_this_machine_to_another_address():
    asked = []

    def inner(request):
        asked.append(request.path)
        motion_jpeg(request)

    with (
        camera(inner) as other,
        camera(status(302, Location=f'http://{other}/secret')) as host,
        pytest.raises(SourceError, match='not followed'),
    ):
        open_source(f'http://{host}/video')
    assert asked == []


def test_a_camera_that_is_not_there():
    with pytest.raises(SourceError, match=r'cannot be reached \(Connection refused\): check the'):
        open_source('http://127.0.0.1:1/video')


# --- RTSP --------------------------------------------------------------------------------------


RTSP_RESPONSES = {
    'wrong password': (b'RTSP/1.0 401 Unauthorized', 'refuses the user or the password (RTSP stat'),
    'no such path': (
        b'RTSP/1.0 404 Not Found',
        'has nothing at this address (RTSP status 404): ch',
    ),
    'error': (b'RTSP/1.0 503 Service Unavailable', 'has an error of its own (RTSP status 503): re'),
    'no video': (b'RTSP/1.0 200 OK', 'responds, but no video can be read: check its codec'),
    'garbage': (b'SSH-2.0-OpenSSH_9.2', 'does not speak RTSP: check the port'),
}


@pytest.mark.parametrize('name', RTSP_RESPONSES)
def test_each_failure_of_an_rtsp_camera_has_its_sentence(name):
    line, sentence = RTSP_RESPONSES[name]

    class Handler(StreamRequestHandler):
        def handle(self):
            with suppress(OSError):
                while self.rfile.readline() not in (b'\r\n', b''):
                    pass
                self.wfile.write(line + b'\r\nCSeq: 1\r\n\r\n')

    with (
        serving(ThreadingTCPServer(('127.0.0.1', 0), Handler)) as host,
        pytest.raises(SourceError) as caught,
    ):
        open_source(f'rtsp://me:s3cret@{host}/video?pwd=s3cret')
    assert f'Stream rtsp://{host}/video?pwd=*** {sentence}' in str(caught.value)
    assert 's3cret' not in str(caught.value)


@pytest.mark.parametrize('address', ['rtsp://me:s3cret@127.0.0.1:1/video', 'rtsp://a:b@c:d/video'])
def test_an_rtsp_camera_that_is_not_there(address):
    with pytest.raises(SourceError, match=r'cannot be reached \(.+\): check the') as caught:
        open_source(address)
    assert 's3cret' not in str(caught.value)
