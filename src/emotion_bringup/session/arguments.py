"""Command line of `emotion nodes`; no ROS import, so that `--help` works everywhere."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What to run and what to keep of it.

    Attributes:
        source: Frame source, see `camera_node`'s `video_device`.
        mode: 'live', 'replay', or '' to choose by the source.
        params_file: YAML of parameters for all nodes; None takes `config/emotion.yaml`.
        model: ONNX model; None takes the shipped one.
        namespace: Namespace of all nodes.
        video: Annotated video to write, or None.
        json: JSON lines to write, or None.
        record: Rosbag to write, or None.
        show: Whether to open a window.
        loop: Whether to start a file again at its end.
        quiet: Whether to leave out the line per frame.
        log_level: Log level of the nodes.
    """

    source: str
    mode: str
    params_file: Path | None
    model: Path | None
    namespace: str
    video: Path | None
    json: Path | None
    record: Path | None
    show: bool
    loop: bool
    quiet: bool
    log_level: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion nodes`."""
    parser.add_argument(
        '--source',
        default='0',
        help='camera index or device, rtsp:// or http:// address, video, GIF, picture, folder, '
        'glob pattern, rosbag, or demo (default: %(default)s)',
    )
    parser.add_argument(
        '--mode',
        choices=('live', 'replay'),
        default='',
        help='live keeps only the newest frame, replay drops none '
        '(default: live for cameras and streams, replay for files and bags)',
    )
    parser.add_argument(
        '--params-file', type=Path, help='parameters of the nodes (default: config/emotion.yaml)'
    )
    parser.add_argument('--model', type=Path, help='ONNX model with its manifest beside it')
    parser.add_argument('--namespace', default='', help='namespace of all nodes and topics')
    parser.add_argument('--video', type=Path, help='write the overlay to this video')
    parser.add_argument('--json', type=Path, help='write one JSON line per frame to this file')
    parser.add_argument(
        '--record', type=Path, help='record images and emotions to this rosbag (mcap)'
    )
    parser.add_argument('--show', action='store_true', help='open a window; q closes it')
    parser.add_argument('--loop', action='store_true', help='start a file again at its end')
    parser.add_argument('--quiet', action='store_true', help='no line per frame, only the summary')
    parser.add_argument(
        '--log-level',
        choices=('debug', 'info', 'warn', 'error'),
        default='warn',
        help='log level of the nodes (default: %(default)s)',
    )


def options_from(arguments: argparse.Namespace) -> SessionOptions:
    """The parsed options of `emotion nodes`."""
    return SessionOptions(
        **{name: getattr(arguments, name) for name in SessionOptions.__dataclass_fields__}
    )
