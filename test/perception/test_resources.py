import shutil
from pathlib import Path

import pytest

import emotion_perception
from emotion_perception.errors import ModelError
from emotion_perception.files import resources


@pytest.fixture
def module_at(monkeypatch):
    """Pretends that the module lies elsewhere, as after an installation."""

    def move(path):
        path.parent.mkdir(parents=True)
        shutil.copy(resources.__file__, path)
        monkeypatch.setattr(resources, '__file__', str(path))
        resources.share_folder.cache_clear()

    yield move
    resources.share_folder.cache_clear()


def test_in_a_checkout_the_share_folder_is_the_repository():
    repository = Path(emotion_perception.__file__).resolve().parents[2]
    assert resources.share_folder() == repository


@pytest.mark.parametrize('name', ['emotion.yaml', 'fastdds.xml'])
def test_configuration_files_exist(name):
    assert resources.config_path(name).is_file()


def test_the_default_model_lies_in_models():
    path = resources.default_model_path()
    assert path.parent == resources.share_folder() / 'models'
    assert path.suffix == '.onnx'


def test_installed_the_share_folder_is_that_of_the_prefix(tmp_path, module_at):
    share = tmp_path / 'prefix' / 'share' / 'emotion_bringup'
    for folder in ('models', 'config'):
        (share / folder).mkdir(parents=True)
    site = tmp_path / 'prefix' / 'lib' / 'python3.12' / 'site-packages'
    module_at(site / 'emotion_perception' / 'resources.py')
    assert resources.share_folder() == share


def test_an_incomplete_installation_is_told(tmp_path, module_at):
    module_at(tmp_path / 'lib' / 'emotion_perception' / 'resources.py')
    with pytest.raises(ModelError, match=r'not installed.*colcon build'):
        resources.share_folder()


def test_the_cache_folder_follows_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert resources.cache_folder() == tmp_path / 'emotion_bringup'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert resources.cache_folder() == tmp_path / '.cache' / 'emotion_bringup'
