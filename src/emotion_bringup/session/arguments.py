"""Command line of `emotion nodes`; no ROS import, so that `--help` works everywhere."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from emotion_bringup import parameter_tables as tables
from emotion_bringup.installation import LAST_DOMAIN
from emotion_perception.errors import OutputError
from emotion_perception.outputs.names import refuse_overwriting
from emotion_perception.settings.setting import Setting, add_settings, argument_type
from emotion_perception.settings.tables import (
    BLUR_FACES,
    LABELS,
    LOOP,
    MCAP,
    MODEL,
    SOURCE,
    TIMELINE,
)

_SETTINGS: Final = (
    SOURCE,
    replace(
        tables.MODE, default='', empty='live for cameras and streams, replay for files and bags'
    ),
    *(
        tables.PARAMS_FILE,
        tables.left_to_file(MODEL),
        tables.left_to_file(LABELS),
        tables.NAMESPACE,
        tables.VIDEO,
    ),
    Setting(
        'json',
        '',
        'one JSON document per line and frame; - is the standard output',
        is_file=True,
    ),
    Setting('record', '', 'record images and emotions to this rosbag (mcap)', is_file=True),
    *(MCAP, TIMELINE, tables.SHOW, tables.OVERLAY),
    replace(BLUR_FACES, help=f'{BLUR_FACES.help}; --record keeps the images'),
    *tables.HEADS,
    replace(tables.PEOPLE, help=f'{tables.PEOPLE.help}; events are shown and recorded'),
    *(LOOP, replace(tables.LOG_LEVEL, default='warn')),
)
_DOMAIN: Final = Setting('domain_id', 0, 'ROS domain', minimum=0, maximum=LAST_DOMAIN)
# The address is told before the node could choose a port.
_PORT: Final = replace(tables.FOXGLOVE_PORT, minimum=1)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What to run and what to keep of it, as `emotion nodes --help` describes it.

    Attributes:
        mode: Empty leaves it to the source.
        foxglove: Port on which Foxglove may connect, or None.
        labels: Empty leaves them to the parameters.
        domain_id: ROS domain; None for one of its own.
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
    labels: str = ''
    timeline: Path | None = None
    domain_id: int | None = None
    head_pose: bool = False
    gaze: bool = False
    people: bool = False

    @property
    def given_names(self) -> dict[str, str]:
        """How the user has written what is passed on to the nodes, by the settings' names."""
        given = {s.name: s.flag for s in _SETTINGS if getattr(self, s.short_name)}
        return given | ({_PORT.name: '--foxglove'} if self.foxglove else {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion nodes`."""
    add_settings(parser, _SETTINGS)
    parser.add_argument(
        '--foxglove',
        type=argument_type(_PORT),
        nargs='?',
        const=_PORT.default,
        metavar='PORT',
        help='let the viewer Foxglove of this machine connect, on port %(const)s or the one given '
        '(needs foxglove-sdk)',
    )
    parser.add_argument(
        '--domain-id',
        type=argument_type(_DOMAIN),
        metavar='N',
        help='ROS domain, for other nodes to take part; without it the run has one of its own on '
        'this machine',
    )
    parser.add_argument('--quiet', action='store_true', help='no line per frame, only the summary')


def options_from(arguments: argparse.Namespace) -> SessionOptions:
    """The parsed options of `emotion nodes`.

    Raises:
        OutputError: Something is wanted that only the overlay node makes, and not that node; or an
            output is the source or another output.
    """
    options = SessionOptions(
        **{name: getattr(arguments, name) for name in SessionOptions.__dataclass_fields__}
    )
    if not options.overlay and (options.show or options.video):
        raise OutputError('--show and --video need the overlay: leave --no-overlay out.')
    outputs = (options.video, options.json, options.record, options.mcap, options.timeline)
    refuse_overwriting([options.source], outputs)
    return options
