"""Serves the page until it is told to stop. Gradio is imported when the server starts."""

import errno
import os
import signal
import socket
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from emotion_perception.errors import PageError
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.signals import end_signals
from emotion_viewers.web.examples import write_examples
from emotion_viewers.web.guard import App, Guard
from emotion_viewers.web.limits import MAX_WAITING, Limits
from emotion_viewers.web.model_card import CardImage, model_card
from emotion_viewers.web.networks import PageNetworks
from emotion_viewers.web.visitors import Visitors
from emotion_viewers.web.workspace import Workspace

_BACKLOG: Final = 128
_GRACE_S: Final = 2  # open pages hold a connection, which would be waited for
_FONT: Final = ('ui-sans-serif', 'system-ui', 'sans-serif')
_MONO: Final = ('ui-monospace', 'Consolas', 'monospace')


def require_gradio() -> None:
    """Checks that the page can be made here.

    Raises:
        PageError: Gradio is not installed.
    """
    if find_spec('gradio') is None:
        raise PageError(
            'The page needs Gradio: run `make web-env` in a checkout, or pip install -r '
            'requirements/web.in.'
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that browsers may connect to already.

    Args:
        host: Address or name.
        port: 0 takes a free one.

    Raises:
        PageError: The port is taken, or the host is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            reason = 'another program listens there'
        raise PageError(
            f'The page cannot be served at {host}, port {port} ({reason}): choose another with '
            '--host or --port.'
        ) from error


def serve(
    networks: PageNetworks,
    settings: PipelineSettings,
    limits: Limits,
    card: Path,
    host: str,
    open_socket: socket.socket,
    names: Collection[str] = (),
) -> None:
    """Serves the page until SIGINT, SIGTERM or SIGHUP, and then removes every file it made.

    Args:
        networks: Find the faces and tell their emotions.
        settings: What the sliders start with.
        limits: How much a visitor may ask for.
        card: Model card of the model in use, a Markdown file.
        host: What `open_socket` was opened for.
        open_socket: From `listen`.
        names: By which browsers may call the page where it listens beyond loopback.

    Raises:
        OutputError: There is no room for uploads.
    """
    with Workspace() as workspace, open_socket:
        _prepare_environment(str(workspace.files))
        import uvicorn  # one of Gradio's own packages

        page = _application(networks, settings, limits, card, workspace)
        app = Guard(page, host, workspace.files, limits.upload_bytes, names)
        config = uvicorn.Config(
            app, log_level='critical', server_header=False, timeout_graceful_shutdown=_GRACE_S
        )
        server = uvicorn.Server(config)
        for number in end_signals():  # uvicorn itself knows two of them
            signal.signal(number, server.handle_exit)
        server.run(sockets=[open_socket])


def _prepare_environment(files: str) -> None:
    """Keeps Gradio to this page's settings; a few of them are taken from the environment only."""
    for name in [name for name in os.environ if name.startswith('GRADIO_')]:
        del os.environ[name]
    os.environ['GRADIO_TEMP_DIR'] = files
    os.environ['GRADIO_ANALYTICS_ENABLED'] = '0'
    os.environ['HF_HUB_OFFLINE'] = '1'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'


def _application(
    networks: PageNetworks,
    settings: PipelineSettings,
    limits: Limits,
    card: Path,
    workspace: Workspace,
) -> App:
    import fastapi
    import gradio

    from emotion_viewers.web.handlers import Handlers
    from emotion_viewers.web.page import CSS, SCRIPT, WORDS, Page

    examples = write_examples(workspace.root / 'examples')
    # Not copied into the folder of uploads, where what nobody uses is removed.
    images = [piece.path for piece in model_card(card) if isinstance(piece, CardImage)]
    gradio.set_static_paths([*images, *examples])
    handlers = Handlers(networks, Visitors(workspace.files), settings, limits, examples)
    page = Page(handlers, workspace.files, settings, limits, card, networks, examples)
    blocks = page.build()
    # Only what needs no queue may be asked for past it.
    blocks.queue(max_size=MAX_WAITING, api_open=False)
    app: App = gradio.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path='/',
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size=limits.upload_bytes,
        theme=_theme(gradio.themes.Soft(primary_hue='blue', font=_FONT, font_mono=_MONO)),
        css=CSS,
        head=f'<script>{SCRIPT}</script>',
        i18n=WORDS,
    )
    # Gradio checks the paths that a browser sends only on a page that it launched itself.
    blocks.has_launched = True
    return app


def _theme(theme: Any) -> Any:
    """Strengthens what is too faint.

    Text needs a contrast of 4.5, what controls are known by one of 3 (WCAG 2.2, 1.4.3 and 1.4.11).
    """
    edge, dark_edge = '*neutral_500', '*neutral_400'
    grey, dark_blue = '*neutral_600', '*primary_700'
    blue, light_blue = '*primary_600', '*primary_400'
    return theme.set(
        body_text_color_subdued=grey,
        block_info_text_color=grey,
        block_label_text_color=dark_blue,
        block_title_text_color=dark_blue,
        color_accent=blue,
        input_border_color=edge,
        button_primary_background_fill=blue,
        button_primary_background_fill_dark=blue,
        button_primary_background_fill_hover=dark_blue,
        button_primary_background_fill_hover_dark=dark_blue,
        button_secondary_background_fill_hover_dark=blue,
        checkbox_border_color=edge,
        checkbox_border_color_dark=dark_edge,
        checkbox_label_background_fill_selected=blue,
        checkbox_label_background_fill_selected_dark=blue,
        link_text_color_dark=light_blue,
        link_text_color_visited_dark=light_blue,
    )
