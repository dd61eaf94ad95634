"""What a browser may send to the page: bodies of a bounded size that name no foreign file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

MAX_JSON_BYTES: Final = 8_000_000
"""Largest body that is no upload; it may hold one image of a webcam."""

_FORM_BYTES: Final = 100_000  # what a form adds to its file
_OWN_FILE: Final = '/gradio_api/file='


def largest_body(path: str, upload_bytes: int) -> int:
    """How many bytes may be sent to a path of the page.

    Args:
        path: Without the host, unquoted.
        upload_bytes: Largest file.
    """
    return upload_bytes + _FORM_BYTES if is_upload(path) else MAX_JSON_BYTES


def is_upload(path: str) -> bool:
    """Says whether a path of the page takes files."""
    return path.rstrip('/') == '/gradio_api/upload'


def names_only_uploads(body: bytes, files: Path) -> bool:
    """Says whether a JSON body names no file but uploads, and no address.

    Gradio would fetch an address wherever a component's value holds one, whatever the component is
    made for, and the components that an event has changed are made anew. So this asks before Gradio
    sees anything.

    Args:
        body: JSON; an empty one names nothing.
        files: Folder that all uploads are in.
    """
    if not body:
        return True
    try:
        values = list(_dictionaries(json.loads(body)))
    except (ValueError, RecursionError):
        return False
    return all(
        _is_upload_path(value.get('path'), files) and _is_own_url(value.get('url'))
        for value in values
    )


def _dictionaries(document: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries of a document, however deep."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_upload_path(path: Any, files: Path) -> bool:
    if not path:
        return True
    try:
        return isinstance(path, str) and Path(path).resolve().is_relative_to(files)
    except (OSError, ValueError):  # too long; a NUL
        return False


def _is_own_url(url: Any) -> bool:
    """An image as an address that holds it, or what Gradio has given to an upload."""
    return not url or (isinstance(url, str) and (url.startswith('data:') or _OWN_FILE in url))
