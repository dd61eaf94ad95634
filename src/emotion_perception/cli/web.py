"""`emotion web`: a page to try it in."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final, TextIO

from emotion_perception.cli.options import add_pipeline_options, networks_from, settings_from
from emotion_perception.files.resources import default_model_path
from emotion_perception.outputs.run import note, say
from emotion_perception.settings.setting import Setting, add_settings
from emotion_viewers.web.limits import DEFAULT_HOST, DEFAULT_PORT, Limits, is_loopback
from emotion_viewers.web.networks import PageNetworks
from emotion_viewers.web.server import listen, require_gradio, serve

DESCRIPTION = """\
Opens a page in the browser: photos, videos and the webcam, with boxes, labels, charts and files to
download. It is served to this machine only, works without a network, and keeps no file once a
visitor has left. Without a screen, over SSH, or where nobody sits at a terminal, it only says where
it is. It needs Gradio: requirements/web.in."""

EPILOG = """\
examples:
  emotion web
  emotion web --port 8000 --max-video-seconds 60
  emotion web --host 0.0.0.0

The last one lets everybody in your network in, without a password and unencrypted; browsers give a
page the webcam only on this machine or over HTTPS. Ctrl-C ends it.
"""

_LIMITS = Limits()
_PAGE: Final = (
    Setting('port', DEFAULT_PORT, 'port to listen on; 0 takes a free one', 0, 65535),
    Setting('max_upload_mb', _LIMITS.upload_mb, 'largest upload', 1, 10_000, unit='MB'),
    Setting('max_video_seconds', _LIMITS.video_s, 'longest video', 1, 86_400, unit='s'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion web`."""
    page = parser.add_argument_group('page')
    page.add_argument(
        '--host',
        default=DEFAULT_HOST,
        help='address to listen on; 0.0.0.0 is all (default: %(default)s, this machine only)',
    )
    page.add_argument(
        '--allow-host',
        action='append',
        default=[],
        metavar='NAME',
        help='name by which browsers may call the page where others may reach it, beside its '
        'addresses and the name of this machine; may be given more than once',
    )
    page.add_argument('--no-browser', action='store_true', help='do not open the page in a browser')
    add_settings(page, _PAGE)
    add_pipeline_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion web`; returns its exit code, 0 after Ctrl-C."""
    settings, card = settings_from(arguments), _card(arguments.model)
    limits = Limits(arguments.max_upload_mb, arguments.max_video_seconds)
    require_gradio()
    with listen(arguments.host, arguments.port) as open_socket:
        networks = PageNetworks(networks_from(arguments))
        if not is_loopback(arguments.host):
            note(
                f'warning: everybody who can reach {arguments.host} can use this page, without a '
                'password, and what they send goes over the network unencrypted.'
            )
        address = _address(open_socket.getsockname())
        say(f'The page is at {address} (Ctrl-C ends it)')
        if not arguments.no_browser and somebody_sits_here(os.environ, sys.stdout):
            # In a thread: some browsers return when they are closed.
            Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):
            serve(
                networks,
                settings,
                limits,
                card,
                arguments.host,
                open_socket,
                arguments.allow_host,
            )
    return 0


def somebody_sits_here(variables: Mapping[str, str], output: TextIO) -> bool:
    """Says whether a browser may be opened: for a person at a terminal who has a screen.

    Args:
        variables: Of the environment.
        output: Where the command prints.
    """
    has_screen = sys.platform in ('darwin', 'win32') or any(
        variables.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY')
    )
    return output.isatty() and has_screen and 'SSH_CONNECTION' not in variables


def _card(model: Path | None) -> Path:
    return (model or default_model_path()).with_name('README.md')


def _address(name: tuple[str, int]) -> str:
    host, port = name[:2]
    host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)
    return f'http://[{host}]:{port}' if ':' in host else f'http://{host}:{port}'
