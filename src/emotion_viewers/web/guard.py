"""Stands before the web framework: refuses what the page does not need, adds safe headers."""

import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from emotion_viewers.web.bodies import is_upload, largest_body, names_only_uploads
from emotion_viewers.web.limits import is_address, is_loopback

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
"""An ASGI application, see https://asgi.readthedocs.io."""

# Gradio's doors to other hosts, to its own development tools, to histories and to programs that
# call it: the page uses none of them.
_CLOSED: Final = (
    *('/gradio_api/proxy=', '/gradio_api/process_recording', '/gradio_api/vibe-'),
    *('/gradio_api/run', '/gradio_api/api/', '/gradio_api/call/', '/gradio_api/dev/'),
    *('/gradio_api/info', '/gradio_api/openapi', '/gradio_api/deep_link', '/gradio_api/profiling'),
    *('/gradio_api/mcp', '/gradio_api/file/', '/gradio_api/app_id', '/gradio_api/token'),
    *('/gradio_api/custom_component', '/gradio_api/component_server', '/monitoring', '/svelte'),
)
_AT_ONCE: Final = '/gradio_api/run/predict'  # what is answered without the queue, such as Stop
_FILE: Final = '/gradio_api/file='

# The page works without a network, and no script of another host gets in. Gradio's charts compile
# their formulas ('unsafe-eval'), and its styles and start script are inline.
_HEADERS: Final = {
    'content-security-policy': "default-src 'self' data: blob:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
}


class Guard:
    """ASGI middleware.

    No other site can reach the page through a name of its own (DNS rebinding): on loopback it
    responds to loopback's names only, elsewhere to addresses, to the names of this machine and to
    those that are given. No other site's script may send anything. No body may be larger than the
    page needs, or name a file that is no upload.

    Args:
        app: What it guards.
        host: Where the page listens.
        files: Folder that all uploads are in.
        upload_bytes: Largest file.
        names: By which browsers may call it where it listens beyond loopback.
    """

    def __init__(
        self,
        app: App,
        host: str,
        files: Path,
        upload_bytes: int,
        names: Collection[str] = (),
    ) -> None:
        self._app = app
        self._loopback_only = is_loopback(host)
        self._files = files
        self._upload_bytes = upload_bytes
        self._names = {name.lower() for name in (host, *_own_names(), *names)}

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Responds to a request, or passes it on."""
        if scope['type'] == 'lifespan':
            await self._app(scope, receive, send)
        elif scope['type'] == 'http':
            await self._respond(scope, receive, send)

    async def _respond(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        path = unquote(scope['path'])

        async def send_with_headers(message: _Message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = _with_safe_headers(message.get('headers', ()), path)
            await send(message)

        if self._is_foreign(scope):
            await _refuse(send_with_headers, 403)
        elif _is_closed(path):
            await _refuse(send_with_headers, 404)
        elif (status := self._length_problem(scope, path)) is not None:
            await _refuse(send_with_headers, status)
        elif scope['method'] != 'POST' or is_upload(path):
            await self._app(scope, receive, send_with_headers)
        else:
            body = await _read(receive)
            if names_only_uploads(body, self._files):
                await self._app(scope, _once(body, receive), send_with_headers)
            else:
                await _refuse(send_with_headers, 403)

    def _length_problem(self, scope: _Scope, path: str) -> int | None:
        """Status that tells why a body is refused before any of it is read."""
        headers = dict(scope['headers'])
        if b'transfer-encoding' in headers:
            return 411  # its length is not told, and no browser does that
        length = headers.get(b'content-length', b'0')
        is_fine = length.isdigit() and int(length) <= largest_body(path, self._upload_bytes)
        return None if is_fine else 413

    def _is_foreign(self, scope: _Scope) -> bool:
        headers = {name: value.decode('latin-1') for name, value in scope['headers']}
        host = headers.get(b'host', '')
        if not self._is_own(_hostname(f'//{host}')):
            return True
        origin = headers.get(b'origin')
        return origin is not None and urlsplit(origin).netloc != host

    def _is_own(self, name: str) -> bool:
        """An address is no name, which somebody else could make point here."""
        if self._loopback_only:
            return is_loopback(name)
        return is_address(name) or is_loopback(name) or name in self._names


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname()
    return name, f'{name}.local', socket.getfqdn()


async def _read(receive: _Receive) -> bytes:
    """A whole body; its length was checked."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get('body', b''))
        if message['type'] != 'http.request' or not message.get('more_body'):
            return b''.join(parts)


def _once(body: bytes, receive: _Receive) -> _Receive:
    """Hands on a body that has been read, and then what comes after it."""
    messages = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def next_message() -> _Message:
        return messages.pop() if messages else await receive()

    return next_message


def _is_closed(path: str) -> bool:
    if path.startswith(_FILE):
        return '://' in path or path[len(_FILE) :].startswith(('//', 'http:', 'https:'))
    return path != _AT_ONCE and path.startswith(_CLOSED)


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ''
    except ValueError:
        return ''


def _with_safe_headers(headers: Any, path: str) -> list[tuple[bytes, bytes]]:
    # An image that the browser keeps would outlive the session.
    extra = _HEADERS | ({'cache-control': 'no-store'} if path.startswith(_FILE) else {})
    kept = [(name, value) for name, value in headers if name.lower().decode() not in extra]
    return [*kept, *((name.encode(), value.encode()) for name, value in extra.items())]


async def _refuse(send: _Send, status: int) -> None:
    text = [(b'content-type', b'text/plain')]
    await send({'type': 'http.response.start', 'status': status, 'headers': text})
    await send({'type': 'http.response.body', 'body': b'This page does not do that.\n'})
