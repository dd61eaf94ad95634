"""Addresses of cameras: what of them may be shown, and secrets that are named, not written."""

import os
import re
from urllib.parse import quote

from emotion_perception.errors import SourceError

_VARIABLE = re.compile(r'\$\{([A-Za-z_]\w*)\}', re.ASCII)
# `user:password@host`, behind a scheme that was written wrongly, or without any.
_STRAY_LOGIN = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*:/*)?[^/@:\s]+:.*@', re.DOTALL)
# No scheme is longer; a bound keeps the time for a long word in proportion to its length.
_ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\'"]+')
_SECRET = re.compile(
    'user|usr|login|pass|pwd|psw|token|key|auth|secret|sig|cred|session|sid', re.IGNORECASE
)
_IN_PATH = re.compile('[^&;/]+')
_IN_QUERY = re.compile('[^&;]+')
_HIDDEN = '***'


def shown_source(source: str) -> str:
    """A source as it may be shown: in logs, diagnostics, errors, and whatever is kept.

    Everybody who listens to a robot reads those. User and password are left out, and so are values
    whose names sound like a secret (`?user=...&pwd=...`), rather one too many than one too few.

    Args:
        source: As the user has written it: an address, a path, an index.
    """
    scheme, separator, rest = source.partition('://')
    if scheme.lower() == 'file':
        return source
    if separator:
        source = f'{scheme}{separator}{_without_login(rest)}'
    elif _STRAY_LOGIN.match(source):
        source = _STRAY_LOGIN.sub(f'{_HIDDEN}@', source, count=1)
    path, mark, query = source.partition('?')
    if separator or path.startswith(_HIDDEN):  # folders of this machine have names of their own
        path = _IN_PATH.sub(_hide, path)
    return f'{path}{mark}{_IN_QUERY.sub(_hide, query)}'


def shown_text(text: str) -> str:
    """A text of a library with the addresses in it as they may be shown."""
    return _ADDRESS.sub(lambda address: shown_source(address[0]), text)


def with_secrets(source: str) -> str:
    """A source with the variables of the environment that it names, such as `${CAMERA_PASSWORD}`.

    They are looked for in addresses only, for a file may be called so, and in a source that is
    nothing but one variable. In an address their values are percent-encoded.

    Raises:
        SourceError: A variable is not set.
    """
    whole = _VARIABLE.fullmatch(source)
    if whole:
        return _value_of(whole)
    if '://' not in source:
        return source
    return _VARIABLE.sub(lambda name: quote(_value_of(name), safe=''), source)


def _value_of(name: re.Match[str]) -> str:
    value = os.environ.get(name[1], '')
    if not value:
        raise SourceError(
            f'The source names the variable {name[1]}, which is not set or empty: export it where '
            'this program is started.'
        )
    return value


def _without_login(rest: str) -> str:
    """What follows the scheme, without user and password."""
    authority = re.split('[/?#]', rest, maxsplit=1)[0]
    if '@' in authority:
        return rest[authority.rindex('@') + 1 :]
    if ':' in authority and '@' in rest:  # a password that holds a slash, and is not encoded
        return f'{_HIDDEN}@{rest.rpartition("@")[2]}'
    return rest


def _hide(parameter: re.Match[str]) -> str:
    """A parameter, and what follows a name that sounds like a secret hidden."""
    parts = parameter[0].split('=')
    for index, name in enumerate(parts[:-1]):
        if _SECRET.search(name):
            return '='.join((*parts[: index + 1], _HIDDEN))
    return parameter[0]
