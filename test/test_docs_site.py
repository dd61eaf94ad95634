"""The documentation as a site: `make docs`."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mkdocs', reason='mkdocs is not installed: make docs')
ROOT = Path(__file__).parents[1]


def build(folder, config):
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict']
    return subprocess.run(
        [*command, '--config-file', str(config), '--site-dir', str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_every_link_leads_somewhere_and_the_api_is_there(tmp_path):
    built = build(tmp_path, ROOT / 'mkdocs.yml')
    assert built.returncode == 0, built.stderr
    api = (tmp_path / 'api.html').read_text()
    assert 'id="emotion_perception.EmotionRecognizer.predict"' in api
    # A page and a file from outside of docs/.
    assert 'href="models/index.html"' in (tmp_path / 'index.html').read_text()
    assert 'href="config/fastdds.xml"' in ''.join(p.read_text() for p in tmp_path.glob('*.html'))
    assert (tmp_path / 'config' / 'fastdds.xml').is_file()
    for page in tmp_path.glob('*.html'):
        assert 'src="http' not in page.read_text(), f'{page.name} loads from another host'


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    docs = tmp_path / 'docs'
    docs.mkdir()
    (docs / 'index.md').write_text('[gone](gone.md)')
    settings = (ROOT / 'mkdocs.yml').read_text()
    kept = settings[: settings.index('\nplugins:')] + settings[settings.index('\nmarkdown_ext') :]
    config = tmp_path / 'mkdocs.yml'
    config.write_text(kept[: kept.index('\nnav:')].replace('hooks: [docs/site_hooks.py]\n', ''))
    built = build(tmp_path / 'site', config)
    assert built.returncode == 1
    assert "link 'gone.md'" in built.stderr
