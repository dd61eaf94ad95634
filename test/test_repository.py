"""Facts that several files must agree on."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from emotion_perception import __version__

ROOT = Path(__file__).parents[1]


def test_versions_agree():
    versions = {
        name: re.search(pattern, (ROOT / name).read_text(encoding='utf-8')).group(1)
        for name, pattern in {
            'package.xml': r'<version>(.+)</version>',
            'src/emotion_msgs/package.xml': r'<version>(.+)</version>',
            'setup.py': r"version='(.+)'",
            'CITATION.cff': r'(?m:^version: (.+)$)',
            'CHANGELOG.md': r'^## (\d[\d.]*)'.replace('^', r'(?m:^)'),
        }.items()
    }
    assert set(versions.values()) == {__version__}


def test_colcon_finds_both_packages():
    defaults = yaml.safe_load((ROOT / 'colcon_defaults.yaml').read_text(encoding='utf-8'))
    for verb in defaults.values():
        assert verb['base-paths'] == ['.', 'src/emotion_msgs']
        assert all((ROOT / path / 'package.xml').is_file() for path in verb['base-paths'])


def test_every_requirement_is_locked_with_a_hash():
    for part in ('runtime', 'ros-jazzy', 'ros-kilted', 'dev'):
        lock = (ROOT / 'requirements' / f'{part}.txt').read_text(encoding='utf-8')
        entries = re.findall(r'^([a-z0-9-]+)==.*\\\n((?:    --hash=.*\n)+)', lock, re.M)
        locked = {name for name, _ in entries}
        text = (ROOT / 'requirements' / f'{part}.in').read_text(encoding='utf-8')
        wanted = re.findall(r'^([A-Za-z][\w-]*)', text, re.M)
        assert {name.lower() for name in wanted} <= locked


def test_shipped_model_names_no_path_of_the_machine_that_made_it():
    model = (ROOT / 'models' / 'emotion_alexnet.onnx').read_bytes()
    assert b'.py"' not in model


def test_pre_commit_runs_what_make_lint_runs():
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    parts = re.search(r'^lint: (.+?) ##', makefile, re.M).group(1).split()
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text(encoding='utf-8'))
    hooks = [hook for repository in config['repos'] for hook in repository['hooks']]
    assert [hook['entry'].split()[-1] for hook in hooks] == parts
    assert {repository['repo'] for repository in config['repos']} == {'local'}


@pytest.mark.parametrize('package', ['training', 'benchmarks'])
def test_the_table_of_rooms_has_the_order_of_the_contract(package):
    config = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    contract = config.partition(f'containers = ["{package}"]')[2].partition('layers = [')[2]
    layers = re.findall(r'^  "(.+)",$', contract.partition('\n]')[0], re.M)
    table = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    row = re.search(rf'^\| `{package}` \|(.*)$', table, re.M).group(1)
    places = [
        [min(row.index(f'`{name}{end}`') for end in ('/', '.py') if f'`{name}{end}`' in row)
         for name in layer.split(' | ')]
        for layer in layers
    ]  # fmt: skip
    assert len(layers) > 5
    assert all(max(upper) < min(lower) for upper, lower in pairwise(places))


@pytest.mark.parametrize('name', ['Dockerfile', 'ros.Dockerfile'])
def test_images_run_what_make_has_and_not_as_root(name):
    """Docker itself runs on no machine of the tests."""
    text = (ROOT / 'docker' / name).read_text(encoding='utf-8')
    targets = re.findall(r'^([a-z-]+):.*## ', (ROOT / 'Makefile').read_text('utf-8'), re.M)
    assert {'core', 'env'} <= set(targets)
    assert set(re.findall(r'DOOR=(\w+)', text)) <= {'core', 'env'}
    users = re.findall(r'^USER (\w+)', text, re.M)
    assert users[-1] == 'robot'
    for file in re.findall(r'src/emotion_bringup/(\S+\.txt)', text):
        assert (ROOT / file).is_file()


def test_workflows_and_templates_are_valid_yaml():
    files = [*(ROOT / '.github').rglob('*.yml'), ROOT / 'CITATION.cff']
    assert len(files) == 5
    for file in files:
        assert yaml.safe_load(file.read_text(encoding='utf-8')), file
    assert '.ci/run' in (ROOT / '.github' / 'workflows' / 'ci.yml').read_text(encoding='utf-8')
