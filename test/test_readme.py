"""What README.md and the pages of docs/ say exists."""

import re
from pathlib import Path

import pytest

from emotion_bringup.parameter_tables import NODE_PARAMETERS, launch_table, markdown_table
from emotion_perception.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
PAGES = sorted(
    path
    for folder in ('.', 'docs', 'models', 'training', 'docker', 'examples')
    for path in (ROOT / folder).glob('*.md')
)
TEXTS = {path: path.read_text(encoding='utf-8') for path in PAGES}


@pytest.mark.parametrize('node', NODE_PARAMETERS)
def test_parameter_table_is_the_one_the_node_declares(node):
    page = TEXTS[ROOT / 'docs' / 'nodes.md']
    assert f'#### `{node}`\n\n{markdown_table(NODE_PARAMETERS[node])}\n' in page


def test_launch_table_is_the_one_the_launch_files_declare():
    assert f'\n\n{launch_table()}\n\n' in TEXTS[ROOT / 'docs' / 'launch.md']


def anchor(heading):
    """As the sites that show Markdown name a heading."""
    return re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-')


ANCHORS = {
    path: {anchor(heading) for heading in re.findall(r'^#+ (.+)$', text, re.M)}
    for path, text in TEXTS.items()
}


@pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_linked_files_and_chapters_exist(page):
    links = re.findall(r'\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)', TEXTS[page])
    for file, chapter in links:
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        if chapter and target in ANCHORS:
            assert chapter in ANCHORS[target], f'{file}#{chapter}'


def test_the_readme_can_be_read_at_one_sitting():
    assert len(README.split()) <= 1200


def test_make_targets_exist():
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = set(re.findall(r'^make ([a-z-]+)|`make ([a-z-]+)', README, re.M))
    names = {name for pair in targets for name in pair if name}
    assert {'demo', 'test'} <= names
    assert [name for name in names if not re.search(rf'^{name}:', makefile, re.M)] == []


def test_subcommands_exist(capsys):
    names = set(re.findall(r'^\.venv/bin/emotion ([a-z-]+)', README, re.M))
    assert 'nodes' in names
    for name in names:
        assert main([name, '--help']) == 0
        assert name in capsys.readouterr().out


def test_both_commands_stand_on_the_first_screen():
    first_screen = README.splitlines()[:30]
    assert any(line.startswith('make demo') for line in first_screen)
    assert any(line.startswith('make test') for line in first_screen)
