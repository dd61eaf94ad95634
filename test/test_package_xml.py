"""The package.xml files name what the code imports, starts and installs."""

import ast
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / 'src'
OURS = {'emotion_bringup', 'emotion_perception', 'emotion_viewers'}
# rosdep's keys of the modules that are called otherwise.
ROSDEP_KEYS = {
    'PIL': 'python3-pil',
    'cv2': 'python3-opencv',
    'numpy': 'python3-numpy',
    'skimage': 'python3-skimage',
    'tqdm': 'python3-tqdm',
    'yaml': 'python3-yaml',
}
# From requirements/ros-machine.txt, because rosdep has them from pip or not at all.
PIP_MODULES = {
    'backports': 'backports-zstd',
    'imageio_ffmpeg': 'imageio-ffmpeg',
    'lz4': 'lz4',
    'onnxruntime': 'onnxruntime',
    'rosbags': 'rosbags',
}
# What an installation may lack, and then says how to get.
OPTIONAL = {
    'fastapi',
    'foxglove',
    'gradio',
    'hri_msgs',
    'pandas',
    'uvicorn',
    'vision_msgs',
}
# In Python's library since 3.14.
NEW_IN_PYTHON = {'compression'}


def declared(manifest, *kinds):
    """The names below the given kinds of dependency."""
    root = ElementTree.parse(ROOT / manifest).getroot()
    return {node.text for kind in kinds for node in root.findall(kind)}


RUNTIME = declared('package.xml', 'depend', 'exec_depend')


def imported(path, *, everywhere=True):
    """The modules that a file imports: everywhere, or only when it is loaded."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def third_party(modules):
    roots = {module.partition('.')[0] for module in modules}
    return roots - set(sys.stdlib_module_names) - NEW_IN_PYTHON - OURS


def undeclared(roots):
    return {root for root in roots if ROSDEP_KEYS.get(root, root) not in RUNTIME}


def python_files():
    return [*SOURCES.rglob('*.py'), *(ROOT / 'launch').glob('*.py')]


def test_every_import_is_declared():
    found = third_party(module for path in python_files() for module in imported(path))
    assert {'cv2', 'rclpy', 'launch_ros', 'ament_index_python'} <= found
    assert undeclared(found) == set(PIP_MODULES) | OPTIONAL


def test_what_rosdep_lacks_is_in_the_list_for_pip():
    text = (ROOT / 'requirements' / 'ros-machine.txt').read_text(encoding='utf-8')
    for package in PIP_MODULES.values():
        assert re.search(rf'^{package}==', text, re.M), package


def test_launch_files_need_only_what_the_python_of_ros2_has():
    """`ros2` runs in the system's Python, which does not see the nodes' virtual environment."""
    todo, seen, outside = list((ROOT / 'launch').glob('*.py')), set(), set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        modules = set(imported(path, everywhere=False))
        outside |= third_party(modules)
        todo += [file for module in modules for file in files_of(module)]
    assert any(path.name == 'launching.py' for path in seen)
    assert not undeclared(outside)


def files_of(module):
    """The file of a module of ours, and those of the packages around it."""
    if module.partition('.')[0] not in OURS:
        return
    parts = module.split('.')
    for length in range(1, len(parts) + 1):
        path = SOURCES.joinpath(*parts[:length])
        for file in (path.with_suffix('.py'), path / '__init__.py'):
            if file.is_file():
                yield file


def started_by_launch():
    """The ROS packages whose programs launch files start."""
    for path in (*(ROOT / 'launch').glob('*.py'), SOURCES / 'emotion_bringup' / 'launching.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.keyword) and node.arg == 'package':
                yield from (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            if isinstance(node, ast.List):
                words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
                if words[:1] == ['ros2']:
                    yield f'ros2{words[1]}'


def test_what_launch_files_start_is_declared():
    found = set(started_by_launch()) - OURS
    assert 'ros2bag' in found
    assert found <= RUNTIME
    # `ros2 bag play` reads a bag through the plugin of its storage, `rqt:=true` starts a viewer.
    assert {'rosbag2_storage_default_plugins', 'rqt_image_view'} <= RUNTIME


def test_nothing_is_declared_that_nobody_uses():
    found = third_party(module for path in python_files() for module in imported(path))
    used = {ROSDEP_KEYS.get(root, root) for root in found} | set(started_by_launch())
    # The services of a lifecycle node are in lifecycle_msgs; rclpy offers them.
    by_name = {'ros2launch', 'rosbag2_storage_default_plugins', 'rqt_image_view', 'lifecycle_msgs'}
    assert used | by_name >= RUNTIME


def test_what_the_tests_of_the_nodes_import_is_declared():
    folder = ROOT / 'test' / 'bringup'
    found = third_party(module for path in folder.rglob('*.py') for module in imported(path))
    messages = {root for root in found if root.endswith('_msgs')} - OPTIONAL
    assert 'rosgraph_msgs' in messages
    assert messages <= RUNTIME | declared('package.xml', 'test_depend')


def test_the_messages_declare_what_they_are_made_of():
    folder = SOURCES / 'emotion_msgs'
    texts = [path.read_text(encoding='utf-8') for path in (folder / 'msg').glob('*.msg')]
    used = {name for text in texts for name in re.findall(r'^(\w+)/', text, re.M)}
    cmake = (folder / 'CMakeLists.txt').read_text(encoding='utf-8')
    found = set(re.findall(r'find_package\((\w+) REQUIRED\)', cmake))
    manifest = folder / 'package.xml'
    assert used == declared(manifest, 'depend')
    assert found == declared(manifest, 'depend', 'buildtool_depend')


@pytest.mark.parametrize('folder', ['.', 'src/emotion_msgs'])
def test_both_packages_come_with_their_licence(folder):
    licence = ElementTree.parse(ROOT / folder / 'package.xml').getroot().find('license')
    assert licence.text == 'Apache-2.0'
    shipped = ROOT / folder / licence.get('file')
    assert shipped.read_bytes() == (ROOT / 'LICENSE').read_bytes()
