"""The package as pip installs it where there is no ROS: built, installed in a clean place, used."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import cv2
import pytest
import skimage.data

pytest.importorskip('packaging')

from package_index import reachable

ROOT = Path(__file__).parents[1]
PARTS = ('src', 'launch', 'config', 'models', 'requirements', 'resource')
FILES = ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'package.xml', 'README.md')


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A copy: building leaves folders behind."""
    folder = tmp_path_factory.mktemp('checkout')
    for part in PARTS:
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns('*.egg-info', '__pycache__')
        )
    for file in (*FILES, 'LICENSE', 'Makefile'):
        shutil.copy(ROOT / file, folder)
    return folder


def setup(checkout, *arguments):
    subprocess.run(
        [sys.executable, 'setup.py', '-q', *arguments],
        cwd=checkout,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope='module')
def wheel(checkout):
    setup(checkout, 'bdist_wheel')
    (path,) = (checkout / 'dist').glob('*.whl')
    return path


def test_the_wheel_holds_what_the_commands_need(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith('/METADATA'))).decode()
    for end in (
        'models/emotion_alexnet.onnx',
        'models/emotion_alexnet.json',
        'models/centerface.onnx',
        'models/LICENSE.centerface',
        'emotion_perception/sources/demo/collins.png',
        'emotion_perception/sources/demo/hopper.jpg',
        'emotion_perception/py.typed',
        'emotion_viewers/web/results_stream.js',
        'config/emotion.yaml',
    ):
        assert any(name.endswith(end) for name in names), end
    assert 'Requires-Dist: tqdm' in metadata
    assert 'Description-Content-Type: text/markdown' in metadata


def test_the_source_distribution_can_be_built_from(checkout, wheel):
    setup(checkout, 'sdist')
    (path,) = (checkout / 'dist').glob('*.tar.gz')
    with tarfile.open(path) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert {
        'requirements/runtime.in',
        'models/centerface.onnx',
        'resource/emotion_bringup',
    } <= names
    assert {'src/emotion_msgs/msg/FaceEmotion.msg', 'launch/live.launch.py', 'LICENSE'} <= names


@pytest.mark.slow
def test_a_photo_is_read_in_a_clean_environment(wheel, tmp_path):
    if not reachable(ROOT / 'requirements' / 'runtime.txt'):
        pytest.skip('no package index can be reached')
    venv.create(tmp_path / 'venv', with_pip=True)
    bin_folder = tmp_path / 'venv' / 'bin'
    pip = [bin_folder / 'python', '-m', 'pip', '--disable-pip-version-check']
    subprocess.run([*pip, 'install', '-q', wheel], check=True, capture_output=True)
    subprocess.run([*pip, 'check'], check=True)
    photo = tmp_path / 'photo.jpg'
    cv2.imwrite(str(photo), skimage.data.astronaut()[..., ::-1])
    for arguments in (['image', photo], ['video', 'demo', '--json', tmp_path / 'demo.jsonl']):
        done = subprocess.run(
            [bin_folder / 'emotion', *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert 'Happy' in done.stdout
    listed = subprocess.run([*pip, 'list'], capture_output=True, text=True, check=True).stdout
    assert listed.count('opencv') == 1
