"""Whose files are whose, what goes when, and what is refused; without Gradio."""

import asyncio
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from emotion_viewers.web.bodies import names_only_uploads
from emotion_viewers.web.guard import Guard
from emotion_viewers.web.limits import is_loopback
from emotion_viewers.web.model_card import CardImage, model_card
from emotion_viewers.web.visitors import Visitors
from emotion_viewers.web.workspace import Workspace


@pytest.fixture
def sessions(tmp_path):
    return Visitors(tmp_path)


def upload(folder, name='photo.png'):
    path = folder / 'hash' / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'image')
    return path


def files_in(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


def test_end_of_a_session_removes_its_upload_and_its_results(tmp_path, sessions):
    photo = upload(tmp_path)
    with sessions.job('a', photo) as session:
        (session.folder / 'result.csv').write_text('1')
    assert len(files_in(tmp_path)) == 2
    sessions.end('a')
    assert list(tmp_path.iterdir()) == []


def test_results_have_a_new_address_each_and_the_old_ones_go(sessions):
    with sessions.job('a') as session:
        first, video = session.new_results('photo'), session.new_results('video')
        photos = [first, session.new_results('photo'), session.new_results('photo')]
    # A browser may still be loading the last but one.
    assert [folder.exists() for folder in (*photos, video)] == [False, True, True, True]
    assert len({*photos, video}) == 4


def test_files_of_another_session_stay(tmp_path, sessions):
    photo = upload(tmp_path)
    with sessions.job('a', photo), sessions.job('b', photo):
        pass
    sessions.end('a')
    assert photo.exists()
    sessions.end('b')
    assert not photo.exists()


def test_job_that_outlives_its_visitor_leaves_nothing(tmp_path, sessions):
    with sessions.job('a', upload(tmp_path)) as session:
        sessions.end('a')
        assert session.ended
        (session.folder / 'late.csv').write_text('1')
    assert files_in(tmp_path) == []


def test_results_have_a_folder_that_cannot_be_guessed(sessions):
    with sessions.job('a') as first, sessions.job('b') as second:
        assert first.folder != second.folder
        assert len(first.folder.name) >= 32
        assert first.folder.stat().st_mode & 0o077 == 0


def test_upload_that_nobody_used_and_silent_sessions_are_forgotten(tmp_path):
    now = [1e10]  # all files are old
    sessions = Visitors(tmp_path, lambda: now[0])
    used, unused = upload(tmp_path), tmp_path / 'other' / 'b.png'
    unused.parent.mkdir()
    unused.write_bytes(b'image')
    with sessions.job('a', used):
        sessions.end('nobody')
        assert files_in(tmp_path) == [used]
    now[0] += 7 * 3600
    sessions.end('nobody')
    assert list(tmp_path.iterdir()) == []


def test_stop_reaches_the_session_it_is_meant_for(sessions):
    with sessions.job('a') as first, sessions.job('b') as second:
        sessions.stop('a')
        sessions.stop('nobody')
        assert (first.stopped, second.stopped) == (True, False)


def test_workspace_is_private_and_goes_when_closed(tmp_path):
    with Workspace(tmp_path) as workspace:
        assert workspace.root.stat().st_mode & 0o077 == 0
        assert workspace.files.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_workspace_of_a_killed_server_is_removed_and_one_in_use_is_not(tmp_path):
    killed = f"""
from pathlib import Path
from emotion_viewers.web.workspace import Workspace
import os, signal
workspace = Workspace(Path({str(tmp_path)!r}))
(workspace.files / 'photo.png').write_bytes(b'')
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, '-c', killed], check=False)
    assert len(files_in(tmp_path)) == 2
    with Workspace(tmp_path) as first, Workspace(tmp_path) as second:
        assert sorted(tmp_path.iterdir()) == sorted([first.root, second.root])


@pytest.mark.parametrize(
    ('host', 'expected'),
    [
        *(('127.0.0.1', True), ('localhost', True), ('::1', True), ('127.8.8.8', True)),
        *(('0.0.0.0', False), ('192.168.1.5', False), ('example.org', False), ('', False)),
    ],
)
def test_loopback_hosts_are_told_from_others(host, expected):
    assert is_loopback(host) is expected


def result_of(path, *, host='127.0.0.1:7860', listens_on='127.0.0.1', names=(), **headers):
    """Status and headers of a request through the guard to an application that says yes."""
    sent = []
    guard = partial(Guard, host=listens_on, files=Path('/uploads'), upload_bytes=1000, names=names)

    async def application(scope, receive, send):
        old = [(b'X-Frame-Options', b'ALLOW'), (b'content-type', b'text/plain')]
        await send({'type': 'http.response.start', 'status': 200, 'headers': old})
        await send({'type': 'http.response.body', 'body': b''})

    async def send(message):
        sent.append(message)

    pairs = [(b'host', host.encode()), *((k.encode(), v.encode()) for k, v in headers.items())]
    scope = {'type': 'http', 'method': 'GET', 'path': path, 'headers': pairs}
    # In a thread of its own: a browser of other tests keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, guard(application)(scope, None, send)).result()
    return sent[0]['status'], dict(sent[0]['headers'])


def test_guard_lets_the_page_through_with_safe_headers():
    status, headers = result_of('/')
    assert status == 200
    assert headers[b'x-frame-options'] == b'DENY'
    assert b'X-Frame-Options' not in headers
    assert b"default-src 'self'" in headers[b'content-security-policy']
    assert b'cache-control' not in headers


def test_guard_keeps_files_out_of_the_browsers_cache():
    assert result_of('/gradio_api/file=/tmp/x.png')[1][b'cache-control'] == b'no-store'


@pytest.mark.parametrize(
    'path',
    [
        '/gradio_api/proxy=https://example.org/x',
        '/gradio_api/file=https://example.org/x',
        '/gradio_api/file=https%3A//example.org/x',
        '/gradio_api/process_recording',
        '/gradio_api/run/video',
        '/gradio_api/run/predict/',
        '/gradio_api/call/photo',
        '/gradio_api/vibe-edit',
        '/gradio_api/run-history/connect',
        '/monitoring/summary',
    ],
)
def test_guard_closes_what_the_page_does_not_need(path):
    assert result_of(path)[0] == 404


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({'host': 'localhost:7860'}, 200),
        ({'host': '[::1]:7860'}, 200),
        ({'host': 'evil.example:7860'}, 403),
        ({'host': ''}, 403),
        ({'host': '['}, 403),
        ({'origin': 'http://127.0.0.1:7860'}, 200),
        ({'origin': 'http://evil.example'}, 403),
        ({'origin': 'null'}, 403),
        ({'host': '192.168.1.5:7860', 'listens_on': '0.0.0.0'}, 200),
        ({'host': '[fe80::1]:7860', 'listens_on': '::'}, 200),
        ({'host': 'localhost:7860', 'listens_on': '0.0.0.0'}, 200),
        ({'host': f'{socket.gethostname()}:7860', 'listens_on': '0.0.0.0'}, 200),
        ({'host': 'ROBOT.lan:7860', 'listens_on': '0.0.0.0', 'names': ['robot.lan']}, 200),
        ({'host': 'robot.lan:7860', 'listens_on': 'robot.lan'}, 200),
        # Its owner may make it point here (DNS rebinding).
        ({'host': 'evil.example:7860', 'listens_on': '0.0.0.0'}, 403),
        ({'host': '127.0.0.1.evil.example', 'listens_on': '0.0.0.0'}, 403),
        ({'host': '', 'listens_on': '0.0.0.0'}, 403),
        ({'content-length': '100000000'}, 413),
        ({'content-length': '-1'}, 413),
        ({'transfer-encoding': 'chunked'}, 411),
    ],
)
def test_guard_refuses_other_sites(headers, status):
    assert result_of('/', **headers)[0] == status


@pytest.mark.parametrize(
    ('body', 'expected'),
    [
        ('', True),
        ('{"data": [1, "x", null, {"path": null}]}', True),
        ('{"data": [{"path": "/uploads/a/b.png", "url": "http://h/gradio_api/file=/x"}]}', True),
        ('{"data": [{"url": "data:image/png;base64,AA"}]}', True),
        ('{"data": [[{"x": {"path": "http://h/a.png"}}]]}', False),
        ('{"data": [{"path": "/uploads/../etc/passwd"}]}', False),
        ('{"data": [{"path": "/uploads2/a.png"}]}', False),
        ('{"data": [{"path": ["/uploads/a.png"]}]}', False),
        ('{"data": [{"path": "/uploads/\\u0000"}]}', False),
        ('{"data": [{"url": "http://h/a.png"}]}', False),
        ('{"data": [', False),
        (200_000 * '[', False),
    ],
)
def test_bodies_may_name_uploads_only(body, expected):
    assert names_only_uploads(body.encode(), Path('/uploads')) is expected


def test_model_card_comes_in_pieces_without_links_to_files(tmp_path):
    (tmp_path / 'curve.png').write_bytes(b'')
    card = tmp_path / 'README.md'
    card.write_text(
        'See [the log](log.jsonl) and [ROS](https://ros.org).\n\n'
        '![A curve](curve.png)\n![Gone](gone.png)\n\nThe end.\n'
    )
    first, image, last = model_card(card)
    assert first.strip() == 'See the log and [ROS](https://ros.org).'
    assert image == CardImage('A curve', tmp_path / 'curve.png')
    assert last.strip() == 'The end.'


def test_missing_model_card_is_said(tmp_path):
    assert 'no model card' in model_card(tmp_path / 'README.md')[0]
