"""The core and the viewers run where there is no ROS: nothing in them imports any part of it."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import emotion_perception
import emotion_viewers

PACKAGES = {
    package.__name__: Path(package.__file__).parent
    for package in (emotion_perception, emotion_viewers)
}
SOURCES = PACKAGES['emotion_perception'].parent
FILES = sorted(path for folder in PACKAGES.values() for path in folder.rglob('*.py'))
ROS = (
    'rclpy',
    'rcl_interfaces',
    'rosidl_runtime_py',
    'ament_index_python',
    'builtin_interfaces',
    'launch',
    'launch_ros',
    'cv_bridge',
    'emotion_bringup',
)
# What a module of the core may need that `make env` does not install.
OPTIONAL = ('gradio',)

BLOCKER = f"""
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if top in {ROS!r} or top.endswith('_msgs'):
            raise ModuleNotFoundError(f'{{name}} is blocked', name=name)

sys.meta_path.insert(0, Blocker())
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in {OPTIONAL!r}:
            raise
"""


def modules():
    names = list(PACKAGES)
    for package, folder in PACKAGES.items():
        names += [found.name for found in pkgutil.walk_packages([str(folder)], f'{package}.')]
    return [name for name in names if not name.endswith('.__main__')]  # these run a command


def is_ros(name):
    top = name.partition('.')[0]
    return top in ROS or top.endswith('_msgs')


def test_every_module_can_be_imported_without_ros():
    names = modules()
    assert len(names) > 30
    done = subprocess.run(
        [sys.executable, '-c', BLOCKER, *names],
        env={'PYTHONPATH': str(SOURCES), 'PATH': '', 'HOME': '/nonexistent'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('file', FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_no_file_imports_ros(file):
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            assert not is_ros(name), f'{file}:{node.lineno} imports {name}'


def test_importing_the_package_loads_nothing_heavy():
    code = (
        'import sys, emotion_perception; '
        "print([m for m in ('cv2', 'numpy', 'onnxruntime', 'rosbags') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        env={'PYTHONPATH': str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == '[]'
