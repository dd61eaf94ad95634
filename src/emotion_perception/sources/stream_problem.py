"""Why a network camera gives no video: FFmpeg says the same of everything."""

import re
import socket
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from emotion_perception.address import shown_source
from emotion_perception.sources.capture import FFMPEG_OPTIONS

_TIMEOUT_S = 5.0
_RTSP_PORT = 554
_RTSP_STATUS = re.compile(rb'RTSP/\d\.\d (\d{3})\b')
_REFUSED = (401, 403)
_MISSING = (404, 410)
_REDIRECTS = (301, 302, 303, 307, 308)


def stream_problem(url: str, name: str) -> str:
    """Asks a camera that could not be opened once more, and says what it responds.

    Args:
        url: Its address, with user and password.
        name: What it is called in messages.

    Returns:
        One sentence.
    """
    scheme = url.partition('://')[0].lower()
    try:
        if scheme in ('http', 'https'):
            return _http_problem(url, name)
        if scheme == 'rtsp':
            return _rtsp_problem(url, name)
    except (OSError, ValueError) as error:
        reason = getattr(error, 'reason', error)
        cause = getattr(reason, 'strerror', None) or type(reason).__name__
        return f'{name} cannot be reached ({cause}): check the address and the network.'
    return f'{name} cannot be opened: check the address, the network and the password.'


def _http_problem(url: str, name: str) -> str:
    try:
        with _opener(url).open(_without_login(url), timeout=_TIMEOUT_S) as response:
            kind = response.headers.get_content_type()
            return f'{name} sends no video (but {kind}): check the path of its address.'
    except urllib.error.HTTPError as error:
        error.close()
        location = error.headers.get('Location', '')
        return f'{name} {_meaning(error.code, f"HTTP status {error.code}", location)}.'
    except HTTPException:
        return (
            f'{name} does not speak HTTP: check the port, and whether it wants rtsp:// or https://.'
        )


def _rtsp_problem(url: str, name: str) -> str:
    """Without the password: a camera that refuses it responds as one that has not got any."""
    parts = urlsplit(url)
    request = f'DESCRIBE {_without_login(url)} RTSP/1.0\r\nCSeq: 1\r\n\r\n'
    address = (parts.hostname or '', parts.port or _RTSP_PORT)
    with (
        socket.create_connection(address, _TIMEOUT_S) as connection,
        connection.makefile('rb') as response,
    ):
        connection.sendall(request.encode())
        status = _RTSP_STATUS.match(response.readline(200))
    if status is None:
        return f'{name} does not speak RTSP: check the port, and whether it wants http://.'
    code = int(status[1])
    if code == 200:
        return f'{name} responds, but no video can be read: check its codec, and UDP or TCP.'
    return f'{name} {_meaning(code, f"RTSP status {code}")}.'


def _meaning(status: int, told: str, location: str = '') -> str:
    told = f'({told})'
    if status in _REDIRECTS:
        return (
            f'points to {shown_source(location)} {told}, which is not followed: give that address, '
            f'or allow it with {FFMPEG_OPTIONS}="rtsp_flags;prefer_tcp"'
        )
    if status in _REFUSED:
        return f'refuses the user or the password {told}: check them'
    if status in _MISSING:
        return f'has nothing at this address {told}: check its path'
    if status >= 500:
        return f'has an error of its own {told}: restart it, or wait until it is ready'
    return f'refuses the request {told}: check the address'


def _opener(url: str) -> urllib.request.OpenerDirector:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    parts = urlsplit(url)
    user, password = unquote(parts.username or ''), unquote(parts.password or '')
    passwords.add_password(None, _without_login(url), user, password)
    return urllib.request.build_opener(
        _NoRedirects,
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2]))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A status is all that is asked for, and of this host."""

    def redirect_request(self, *_: Any) -> None:
        return None
