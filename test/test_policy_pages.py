"""What SECURITY.md, docs/security.md and docs/responsible-use.md promise exists."""

import re
from pathlib import Path

import pytest

from emotion_bringup.parameter_tables import NODE_PARAMETERS
from emotion_perception.cli.main import main

ROOT = Path(__file__).parents[1]
PAGES = ('SECURITY.md', 'docs/security.md', 'docs/responsible-use.md')


def text_of(page):
    return (ROOT / page).read_text(encoding='utf-8')


@pytest.mark.parametrize('page', PAGES)
def test_linked_files_exist(page):
    links = re.findall(r'\]\((?!https?:)([^)#]+)\)', text_of(page))
    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize('page', PAGES)
def test_named_files_exist(page):
    named = re.findall(r'`((?:test|config|requirements|docs)/[\w./*-]+)`', text_of(page))
    assert [name for name in named if not list(ROOT.glob(name))] == []


@pytest.mark.parametrize('command', ['image', 'video', 'live', 'annotate-bag', 'nodes'])
def test_commands_can_blur_faces(command, capsys):
    assert '`--blur-faces`' in text_of('docs/responsible-use.md')
    assert main([command, '--help']) == 0
    assert '--blur-faces' in capsys.readouterr().out


def test_parameters_that_store_or_show_something_exist():
    names = {parameter.name for table in NODE_PARAMETERS.values() for parameter in table}
    assert {'blur_faces', 'video_path', 'mcap_path', 'confidence_threshold'} <= names


def test_no_page_and_no_package_names_an_address_that_does_not_exist():
    for name in ('setup.py', *PAGES):
        assert not re.search(r'[\w.-]+@[\w-]+\.[\w.-]+', text_of(name)), name
    for manifest in ('package.xml', 'src/emotion_msgs/package.xml'):
        # The format of package.xml demands one; this says that there is none.
        assert re.findall(r'email="([^"]*)"', text_of(manifest)) == ['none@example.invalid']
