"""What MkDocs calls while it builds the site: pages from outside of this folder, and all links.

On the site every page has the path that it has in the repository, less `docs/`; README.md is the
first page. A file that a page links to is copied beside them. So links that lead right in the
repository do so on the site, and `--strict` finds those that lead nowhere.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import emotion_perception

ROOT = Path(__file__).parents[1]
PAGES = {
    'README.md': 'index.md',
    **{
        name: name
        for name in ('CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'models/README.md')
    },
}
_LINK = re.compile(r'(?P<start>!?\[[^\]]*\]\()(?P<path>(?![a-z]+:|#)[^)#\s]+)(?P<end>[^)]*\))')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from elsewhere, that of the Python API, and the files that they link to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, 'api.md', content=_api()))
    for path in sorted(_linked_files(files)):
        if files.get_file_from_path(_on_site(path)) is None:
            files.append(File.generated(config, _on_site(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lets each link lead to its place on the site; one to a folder becomes its text."""
    source = _in_repository(page.file.src_uri)

    def changed(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link['path']))
        if (ROOT / path).is_dir():
            return link['start'].lstrip('[').removesuffix('](')
        here = posixpath.dirname(page.file.src_uri)
        return f'{link["start"]}{posixpath.relpath(_on_site(path), here or ".")}{link["end"]}'

    return _LINK.sub(changed, markdown)


def _api() -> str:
    names = [name for name in emotion_perception.__all__ if name != '__version__']
    entries = '\n\n'.join(f'::: emotion_perception.{name}' for name in names)
    return f'# Python API\n\n{emotion_perception.__doc__}\n\n{entries}\n'


def _linked_files(files: Files) -> set[str]:
    found = set()
    for page in files.documentation_pages():
        source = _in_repository(page.src_uri)
        for link in _LINK.finditer(page.content_string):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link['path']))
            if (ROOT / path).is_file():
                found.add(path)
    return found


def _on_site(path: str) -> str:
    """Where a file of the repository is on the site."""
    return PAGES.get(path, path.removeprefix('docs/'))


def _in_repository(page: str) -> str:
    sources = {place: source for source, place in PAGES.items()}
    return sources.get(page, f'docs/{page}')
