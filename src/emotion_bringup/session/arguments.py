"""Command line of `emotion nodes`; no ROS import, so that `--help` works everywhere."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from emotion_perception.errors import OutputError
from emotion_perception.labels import LABEL_SETS


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
        overlay: Whether to start the overlay node.
        blur_faces: Whether to make faces unrecognisable in the overlay and for Foxglove.
        show: Whether to open a window.
        loop: Whether to start a file again at its end.
        quiet: Whether to leave out the line per frame.
        log_level: Log level of the nodes.
        foxglove: Port on which Foxglove may connect, or None.
        mcap: Recording for Foxglove to write, or None.
        labels: Whose labels to predict; None leaves it to the parameters.
    """

    source: str
    mode: str
    params_file: Path | None
    model: Path | None
    namespace: str
    video: Path | None
    json: Path | None
    record: Path | None
    overlay: bool
    blur_faces: bool
    show: bool
    loop: bool
    quiet: bool
    log_level: str
    foxglove: int | None = None
    mcap: Path | None = None
    labels: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion nodes`."""
    parser.add_argument(
        '--source',
        default='0',
        help='camera index or device, rtsp:// or http:// address, video, GIF, image, folder, '
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
    parser.add_argument(
        '--labels',
        choices=LABEL_SETS,
        help='whose labels to predict (default: as in the parameters, fer2013)',
    )
    parser.add_argument('--namespace', default='', help='namespace of all nodes and topics')
    parser.add_argument('--video', type=Path, help='write the overlay to this video')
    parser.add_argument('--json', type=Path, help='write one JSON line per frame to this file')
    parser.add_argument(
        '--record', type=Path, help='record images and emotions to this rosbag (mcap)'
    )
    parser.add_argument(
        '--foxglove',
        type=_port,
        nargs='?',
        const=8765,
        metavar='PORT',
        help='let the viewer Foxglove of this machine connect, on port 8765 or the one given '
        '(needs foxglove-sdk)',
    )
    parser.add_argument(
        '--mcap',
        type=Path,
        help='record images, boxes and probabilities for Foxglove (needs foxglove-sdk)',
    )
    parser.add_argument('--show', action='store_true', help='open a window; q closes it')
    parser.add_argument(
        '--no-overlay',
        dest='overlay',
        action='store_false',
        help='start no overlay node: results only, no annotated images',
    )
    parser.add_argument(
        '--blur-faces',
        action='store_true',
        help='make faces unrecognisable in the overlay and for Foxglove; --record keeps the images',
    )
    parser.add_argument('--loop', action='store_true', help='start a file again at its end')
    parser.add_argument('--quiet', action='store_true', help='no line per frame, only the summary')
    parser.add_argument(
        '--log-level',
        choices=('debug', 'info', 'warn', 'error'),
        default='warn',
        help='log level of the nodes (default: %(default)s)',
    )


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f'{text} is not from 1 to 65535')
    return port


def options_from(arguments: argparse.Namespace) -> SessionOptions:
    """The parsed options of `emotion nodes`.

    Raises:
        OutputError: Something is wanted that only the overlay node makes, and not that node.
    """
    options = SessionOptions(
        **{name: getattr(arguments, name) for name in SessionOptions.__dataclass_fields__}
    )
    if not options.overlay and (options.show or options.video):
        raise OutputError('--show and --video need the overlay: leave --no-overlay out.')
    return options
