"""Why an HTTP camera gives no video: FFmpeg says the same of everything."""

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from emotion_perception.address import shown_source
from emotion_perception.sources.capture import FFMPEG_OPTIONS

_TIMEOUT_S = 5.0
_REFUSED = (401, 403)
_MISSING = (404, 410)
_REDIRECTS = (301, 302, 303, 307, 308)


def http_problem(url: str, name: str) -> str:
    """Asks a camera that could not be opened once more, and says what it responds.

    Args:
        url: Its address, with user and password.
        name: What it is called in messages.

    Returns:
        One sentence.
    """
    try:
        with _opener(url).open(_without_login(url), timeout=_TIMEOUT_S) as response:
            kind = response.headers.get_content_type()
            return f'{name} sends no video (but {kind}): check the path of its address.'
    except urllib.error.HTTPError as error:
        error.close()
        return f'{name} {_meaning(error.code, error.headers.get("Location", ""))}.'
    except HTTPException:
        return (
            f'{name} does not speak HTTP: check the port, and whether it wants rtsp:// or https://.'
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, 'reason', error)
        cause = getattr(reason, 'strerror', None) or type(reason).__name__
        return f'{name} cannot be reached ({cause}): check the address and the network.'


def _meaning(status: int, location: str) -> str:
    told = f'(HTTP status {status})'
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
