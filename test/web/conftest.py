"""What the tests of the page share: a real face, the shipped networks, a server, a browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from skimage import data

from emotion_perception.networks import load_networks
from emotion_perception.outputs.video_writer import VideoWriter
from emotion_viewers.web.networks import PageNetworks

PATIENCE_S = 180.0
START_PATIENCE_S = 600.0
ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
BROWSER_OPTIONS = [
    *('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'),
    *('--disable-background-networking', '--disable-component-update'),
    *('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'),
]


@pytest.fixture(scope='session')
def portrait():
    """BGR image of 320x320 pixels with one smiling face."""
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    image = cv2.resize(image[:400, :400], (320, 320), interpolation=cv2.INTER_AREA)
    image.flags.writeable = False
    return image


@pytest.fixture(scope='session')
def media(tmp_path_factory, portrait):
    """Folder with photo.png, two.png (two faces), clip.mp4 (6 frames, 5 a second), webcam.mjpeg."""
    folder = tmp_path_factory.mktemp('media')
    cv2.imwrite(str(folder / 'photo.png'), portrait)
    cv2.imwrite(str(folder / 'two.png'), np.hstack([portrait, portrait[:, ::-1]]))
    with VideoWriter(folder / 'clip.mp4', 5, (320, 320)) as writer:
        for shift in range(6):
            writer.write(np.roll(portrait, 3 * shift, axis=1))
    jpeg = cv2.imencode('.jpg', portrait)[1].tobytes()
    (folder / 'webcam.mjpeg').write_bytes(10 * jpeg)
    return folder


@pytest.fixture(scope='session')
def networks():
    """The shipped networks."""
    return PageNetworks(load_networks())


class PageServer:
    """`emotion web` as a process of its own, with a folder of its own for temporary files."""

    def __init__(self, folder, *options):
        self.folder = folder
        self._errors = (folder.parent / f'{folder.name}.log').open('w+')
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'emotion_perception.cli', 'web', '--port', '0', *options],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, 'TMPDIR': str(folder), 'PYTHONPATH': str(ROOT / 'src')},
        )
        line = self._process.stdout.readline()
        assert 'http://' in line, self.errors()
        self.url = re.search(r'http://\S+', line)[0]
        # The port is open before the page is built: the first result may take a while.
        with urlopen(self.url, timeout=START_PATIENCE_S):
            pass

    def errors(self):
        self._errors.flush()
        return Path(self._errors.name).read_text()

    def uploads_and_results(self):
        """Files of visitors."""
        # Unlike glob, walk does not mind that a folder goes while it is read.
        folders = [os.walk(files) for files in self.folder.glob('emotion-web-*/files')]
        return sorted(name for folder in folders for _, _, names in folder for name in names)

    def peak_memory_mb(self):
        """Most resident memory that it has had so far (Linux)."""
        status = Path(f'/proc/{self._process.pid}/status').read_text()
        return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) / 1000

    def stop(self, number=signal.SIGTERM):
        """Exit code after a signal."""
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE_S)
        self._process.stdout.close()
        self._errors.close()
        return code


@pytest.fixture(scope='session')
def server_factory(tmp_path_factory):
    if find_spec('gradio') is None:
        pytest.skip('gradio is not installed: make web-env')
    return lambda *options: PageServer(tmp_path_factory.mktemp('tmp'), *options)


@pytest.fixture(scope='session')
def server(server_factory):
    """One page for all tests, which takes files of 1 MB and videos of 5 s."""
    server = server_factory('--max-upload-mb', '1', '--max-video-seconds', '5')
    yield server
    server.stop()


@pytest.fixture(scope='session')
def browser(media):
    """A real Chromium whose webcam shows the portrait."""
    sync_api = pytest.importorskip('playwright.sync_api', reason='no playwright: make web-env')
    if CHROMIUM is None:
        pytest.skip('no chromium: apt-get install chromium')
    webcam = f'--use-file-for-fake-video-capture={media / "webcam.mjpeg"}'
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*BROWSER_OPTIONS, webcam]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(server, browser):
    """Opens the page as a new visitor; keeps the addresses that were asked for.

    The page asks for nothing that is refused.
    """
    contexts, refused = [], []

    def keep_refused(response):
        if response.status >= 400:
            refused.append((response.status, response.url))

    def open_page(script='', **options):
        context = browser.new_context(permissions=['camera'], **options)
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE_S)
        tab = context.new_page()
        tab.add_init_script(script)
        asked = []
        tab.on('request', lambda request: asked.append(request.url))
        tab.on('response', keep_refused)
        tab.goto(server.url)
        tab.get_by_role('tab', name='Photo').wait_for()
        return SimpleNamespace(tab=tab, asked=asked, close=context.close)

    yield open_page
    for context in contexts:
        context.close()
    assert refused == []
