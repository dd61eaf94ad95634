"""Stands before the web framework: refuses what the page does not need, adds safe headers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from emotion_viewers.web.limits import is_loopback

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

    A page on loopback responds only to loopback's names, so that no other site can reach it through
    a name of its own (DNS rebinding); and no other site's script may send anything.

    Args:
        app: What it guards.
        host: Where the page listens.
    """

    def __init__(self, app: App, host: str) -> None:
        self._app = app
        self._loopback_only = is_loopback(host)

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
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_foreign(self, scope: _Scope) -> bool:
        headers = {name: value.decode('latin-1') for name, value in scope['headers']}
        host = headers.get(b'host', '')
        if self._loopback_only and not is_loopback(_hostname(f'//{host}')):
            return True
        origin = headers.get(b'origin')
        return origin is not None and urlsplit(origin).netloc != host


def _is_closed(path: str) -> bool:
    if path.startswith(_FILE):
        return '://' in path or path[len(_FILE) :].startswith(('//', 'http:', 'https:'))
    return path.startswith(_CLOSED)


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
