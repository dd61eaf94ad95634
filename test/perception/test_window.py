"""The window: closes on request, and says why it cannot open."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from awaiting import repeat_until_end, wait_for_files

from emotion_perception.errors import OutputError
from emotion_perception.outputs import window
from emotion_perception.outputs.window import Window

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'
IMAGE = np.zeros((48, 64, 3), np.uint8)


class Screen:
    """Stands in for the window system, which a test machine does not have."""

    def __init__(self):
        self.key = -1
        self.shown = 0
        self.open = set()

    def imshow(self, title, image):
        self.shown += 1

    def getWindowProperty(self, title, prop):
        return 1.0

    def destroyWindow(self, title):
        if title not in self.open:
            raise cv2.error('no such window')
        self.open.discard(title)


@pytest.fixture
def screen(monkeypatch):
    fake = Screen()
    monkeypatch.setattr(window, '_check_opencv', lambda: None)
    monkeypatch.setattr(window, '_check_screen', lambda: None)
    monkeypatch.setattr(window, '_check_opens', lambda: None)
    monkeypatch.setattr(cv2, 'namedWindow', lambda title, flags: fake.open.add(title))
    monkeypatch.setattr(cv2, 'resizeWindow', lambda *_: None)
    monkeypatch.setattr(cv2, 'imshow', fake.imshow)
    monkeypatch.setattr(cv2, 'waitKey', lambda _: fake.key)
    monkeypatch.setattr(cv2, 'getWindowProperty', fake.getWindowProperty)
    monkeypatch.setattr(cv2, 'destroyWindow', fake.destroyWindow)
    return fake


def test_shows_until_closed(screen):
    with Window() as shown:
        assert shown.show(IMAGE)
        assert shown.show(IMAGE)
        assert screen.open == {'Emotion Detector'}
    assert not screen.open
    assert not shown.show(IMAGE)
    assert screen.shown == 2


@pytest.mark.parametrize('key', [ord('q'), ord('Q'), 27])
def test_key_closes(screen, key):
    with Window('title') as shown:
        assert shown.show(IMAGE)
        screen.key = key
        assert not shown.show(IMAGE)
        screen.key = -1
        assert not shown.show(IMAGE)


def gone(*_):
    """As OpenCV with Qt says it once the last window has been closed."""
    raise cv2.error('NULL guiReceiver (please create a window)')


@pytest.mark.parametrize('visibility', [lambda *_: 0.0, gone])
def test_cross_closes_for_good(screen, monkeypatch, visibility):
    with Window() as shown:
        assert shown.show(IMAGE)
        with monkeypatch.context() as closed:
            closed.setattr(cv2, 'getWindowProperty', visibility)
            screen.open.clear()
            assert not shown.show(IMAGE)
        assert not shown.show(IMAGE)
    assert not screen.open


def test_lost_screen_is_an_output_error(screen, monkeypatch):
    def fail(*_):
        raise cv2.error('display gone')

    with Window() as shown:
        monkeypatch.setattr(cv2, 'imshow', fail)
        with pytest.raises(OutputError, match='run without it'):
            shown.show(IMAGE)


def test_headless_opencv_names_the_other_build(monkeypatch):
    monkeypatch.setattr(cv2, 'getBuildInformation', lambda: '  GUI:      NONE\n  GTK+: NO\n')
    with pytest.raises(OutputError, match=r'pip install opencv-python`.*libgl1'):
        Window()


def test_no_display_is_an_output_error(monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(cv2, 'getBuildInformation', lambda: '  GUI:      QT5\n')
    with pytest.raises(OutputError, match='no screen'):
        Window()


def test_wrong_display_does_not_end_the_process(monkeypatch):
    """Qt aborts there and a headless build raises: either way one sentence comes out."""
    monkeypatch.setenv('DISPLAY', 'nowhere.invalid:99')
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(cv2, 'getBuildInformation', lambda: '  GUI:      QT5\n')
    with pytest.raises(OutputError, match='No window can be opened') as raised:
        Window()
    assert '\n' not in str(raised.value)


# --- on a screen ---------------------------------------------------------------------------------

TITLE = 'window of a test'
SHOWS_UNTIL_CLOSED = f"""
import numpy as np
from emotion_perception.outputs.window import Window
with Window({TITLE!r}) as window:
    while window.show(np.zeros((48, 64, 3), np.uint8)):
        pass
"""


@pytest.fixture
def screen_of_tests(tmp_path):
    """Environment of a screen with a window manager that closes windows by Alt-F4."""
    if re.search(r'GUI: +NONE', cv2.getBuildInformation()):
        pytest.skip('this OpenCV has no windows: make gui-env')
    missing = [name for name in ('Xvfb', 'openbox', 'xdotool') if not shutil.which(name)]
    if missing:
        pytest.skip(f'{missing} not installed: apt-get install xvfb openbox xdotool')
    size = ('-screen', '0', '640x480x24')
    with child(['Xvfb', '-displayfd', '1', *size], stdout=subprocess.PIPE) as screen:
        variables = {**os.environ, 'DISPLAY': f':{int(screen.stdout.readline())}'}
        variables.pop('WAYLAND_DISPLAY', None)
        ready = tmp_path / 'ready'
        with child(['openbox', '--sm-disable', '--startup', f'touch {ready}'], env=variables):
            wait_for_files(ready.exists, tmp_path)
            yield variables


@contextmanager
def child(command, **options):
    """A process that does not outlive its block, whatever fails in it."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize('key', ['q', 'Escape', 'alt+F4'])
def test_a_real_window_closes(screen_of_tests, key):
    variables = {**screen_of_tests, 'PYTHONPATH': str(SOURCE_FOLDER)}
    command = [sys.executable, '-c', SHOWS_UNTIL_CLOSED]
    press = ['xdotool', 'search', '--name', TITLE, 'windowactivate', 'key', key]
    with child(command, env=variables, stderr=subprocess.PIPE, text=True) as shown:
        # A window may not be there yet, or not have the keys yet.
        code = repeat_until_end(
            shown,
            lambda: subprocess.run(
                press, env=variables, check=False, capture_output=True, timeout=60
            ),
            seconds=60,
        )
        errors = shown.stderr.read()
    assert (code, 'Traceback' in errors) == (0, False), errors
