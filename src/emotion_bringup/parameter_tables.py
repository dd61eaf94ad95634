"""The settings of the nodes and of the launch files, by node and file.

What other front ends offer too is declared in `emotion_perception.settings`. The nodes declare
their parameters from these tables, and docs/nodes.md and docs/launch.md have what
`python -m emotion_bringup.parameter_tables` makes of them. No ROS import here, so that
documentation can be made anywhere.
"""

from collections.abc import Iterable
from dataclasses import replace

from emotion_bringup.graph import CAMERA_IMAGE
from emotion_bringup.security import ENCLAVES
from emotion_perception.settings import tables as shared
from emotion_perception.settings.setting import Setting, Value

LIVE = 'live'
REPLAY = 'replay'
AUTO = 'auto'

REPLAY_IN_FLIGHT = 4
"""Frames of a file that may be unprocessed: enough to keep all nodes busy, few enough that results
are fresh and memory stays flat."""


def _timeout(name: str, help: str) -> Setting:
    return Setting(name, 5.0, help, 0.1, 3600.0, unit='s')


def left_to_file(setting: Setting) -> Setting:
    """A setting that says nothing unless it is given, so that it does not overrule the file."""
    choices = ('true', 'false') if isinstance(setting.default, bool) else setting.choices
    return replace(setting, default='', choices=choices, empty='what the parameter file says')


MODE = Setting(
    'mode',
    LIVE,
    'live keeps only the newest frame; replay drops none (files and bags)',
    choices=(LIVE, REPLAY),
)
_RAW, COMPRESSED = 'raw', 'compressed'
_IMAGE_TRANSPORT = Setting(
    'image_transport',
    _RAW,
    'raw subscribes to the image topic, compressed to its /compressed topic; an image topic that '
    'ends in /compressed is taken as it is',
    choices=(_RAW, COMPRESSED),
)
_HUMANS_TOPIC = Setting(
    'humans_topic',
    '/humans',
    'where REP-155 has people; a relative name lies in the namespace, for several robots',
)
_JPEG_QUALITY = Setting('jpeg_quality', 85, 'quality of JPEG images', 1, 100)
_AUTOSTART = Setting('autostart', True, 'configure and activate without a lifecycle manager')
VIDEO = Setting(
    'video_path',
    '',
    'also write a video file (.mp4, .mkv, .avi)',
    option='video',
    empty='none',
    is_file=True,
)
SHOW = Setting(
    'show_window', False, 'open a window titled Emotion Detector; q closes it', option='show'
)
_SERVE = Setting(
    'serve', True, 'let the viewer Foxglove connect (docs/viewers.md)', option='foxglove'
)
FOXGLOVE_PORT = Setting(
    'port', 8765, 'TCP port for Foxglove; 0 takes any free one', 0, 65535, option='foxglove_port'
)
_NETWORKS = (*shared.NETWORKS, *shared.GPU)

STRICT_PARAMETERS = Setting(
    'strict_parameters',
    False,
    'end with an error, in place of a warning, where a parameter file holds names that no node has',
)

WAIT_FOR_PUBLISHER = Setting(
    'wait_for_publisher',
    False,
    'listen to a topic only once it has a publisher: its first messages are not missed where the '
    'publisher waits for its readers',
)

CAMERA_PARAMETERS: tuple[Setting, ...] = (
    *(shared.SOURCE, shared.FRAME_RATE, *shared.CAMERA_FORMAT),
    Setting(
        'frame_id',
        'camera_optical_frame',
        'optical frame of the images (REP-103); those of a bag keep their own',
    ),
    Setting('camera_name', 'camera', 'name checked against the calibration file'),
    Setting(
        'camera_info_url',
        '',
        'calibration YAML as file:///..., package://... or a path',
        empty='uncalibrated',
    ),
    *(shared.IMAGE_TOPIC, shared.LOOP),
    Setting('publish_compressed', True, 'also publish image_raw/compressed while subscribed'),
    _JPEG_QUALITY,
    Setting(
        'wait_for_subscribers',
        0,
        'hold the first frame until image_raw has so many subscribers, and camera_info one',
        0,
        1000,
    ),
    Setting(
        'max_in_flight',
        0,
        'frames that may wait for their result on emotions before the next one; 0 is no limit',
        0,
        1000,
    ),
    MODE,
    STRICT_PARAMETERS,
)

EMOTION_PARAMETERS: tuple[Setting, ...] = (
    *(*shared.FACES, *shared.STREAM),
    *(replace(setting, at_configure=True) for setting in _NETWORKS),
    *(_IMAGE_TRANSPORT, MODE),
    Setting(
        'min_subscribers',
        1,
        'listen to images while emotions, or emotions/detections, has so many subscribers',
        1,
        1000,
    ),
    WAIT_FOR_PUBLISHER,
    Setting('publish_detections', True, 'also publish vision_msgs on emotions/detections'),
    Setting(
        'publish_tf',
        False,
        'also publish the frames face_f<track id> and gaze_f<track id> of REP-155 on /tf; with '
        'head_pose or gaze, and a calibrated camera',
    ),
    Setting(
        'frame_prefix',
        '',
        'what the names of these frames begin with: every camera counts its own track ids',
        empty='none, and of several cameras in one process the namespace, as in front/face_f1',
    ),
    Setting(
        'use_depth',
        False,
        'take the positions of heads from the depth images of the topic depth, which are aligned '
        'to the images; with head_pose or gaze, and a calibrated camera',
    ),
    _AUTOSTART,
    _timeout('image_timeout', 'time without an image after which the node says so'),
    STRICT_PARAMETERS,
)

DRAW_PEOPLE = Setting(
    'draw_people',
    False,
    'mark the person of emotions/target, and write how many faces there are and how many look into '
    'the camera (emotions/audience); people_node tells both',
    live=True,
)
OVERLAY_PARAMETERS: tuple[Setting, ...] = (
    *(_IMAGE_TRANSPORT, MODE, WAIT_FOR_PUBLISHER, SHOW, VIDEO),
    Setting(
        'video_framerate', 0.0, 'frame rate of that file; 0 measures it', 0.0, 1000.0, unit='fps'
    ),
    _JPEG_QUALITY,
    Setting('draw_probabilities', True, 'draw the bar chart of the seven probabilities', live=True),
    Setting('draw_landmarks', False, 'draw the five landmarks', live=True),
    DRAW_PEOPLE,
    shared.BLUR_FACES,
    STRICT_PARAMETERS,
)

FOXGLOVE_PARAMETERS: tuple[Setting, ...] = (
    *(_IMAGE_TRANSPORT, MODE, WAIT_FOR_PUBLISHER, _SERVE),
    Setting(
        'address',
        '127.0.0.1',
        'address to listen on; 0.0.0.0 lets every machine in the network see the camera',
    ),
    *(FOXGLOVE_PORT, shared.MCAP, _JPEG_QUALITY, shared.BLUR_FACES),
    STRICT_PARAMETERS,
)

HUMANS_PARAMETERS: tuple[Setting, ...] = (
    *(_IMAGE_TRANSPORT, MODE, _HUMANS_TOPIC),
    Setting('face_width', 128, 'width of cropped and aligned faces', 16, 1024, unit='px'),
    Setting('face_height', 128, 'height of cropped and aligned faces', 16, 1024, unit='px'),
    Setting(
        'all_landmarks',
        False,
        'find all 70 landmarks in the images, by the face mesh; otherwise the five of the results '
        'are passed on',
    ),
    _timeout('emotions_timeout', 'time without results after which all faces count as gone'),
    STRICT_PARAMETERS,
)

EXPRESSION_PARAMETERS: tuple[Setting, ...] = (
    _HUMANS_TOPIC,
    Setting(
        'face_image',
        'cropped',
        'which images of the faces to read',
        choices=('cropped', 'aligned'),
    ),
    *(shared.SMOOTHING, *_NETWORKS, MODE),
    _timeout('image_timeout', 'time without an image of a face after which the node says so'),
    STRICT_PARAMETERS,
)

LONGEST_QUESTION_S = 60.0
"""The longest time about which the people node may be asked, in seconds."""

_EVENTS = shared.EventSettings()
_TARGET = shared.TargetSettings()
PEOPLE_PARAMETERS: tuple[Setting, ...] = (
    WAIT_FOR_PUBLISHER,
    Setting(
        'event_measure',
        _EVENTS.measure,
        "what an expression is measured by: change, against the person's own calm face, or "
        'probability, as it is',
        choices=(shared.BY_CHANGE, shared.BY_PROBABILITY),
        live=True,
    ),
    Setting(
        'event_start',
        _EVENTS.start,
        'value at which an expression starts: log-odds in nats, or 0 to 1 by probability',
        0.0,
        10.0,
        live=True,
    ),
    Setting(
        'event_end',
        _EVENTS.end,
        'value below which it ends; not above event_start',
        0.0,
        10.0,
        live=True,
    ),
    Setting(
        'event_shortest',
        _EVENTS.shortest_s,
        'how long it must hold to have started, and be gone to have ended',
        0.0,
        10.0,
        unit='s',
        live=True,
    ),
    Setting(
        'event_period',
        _EVENTS.repeat_s,
        'how often one that goes on is told again; 0 never',
        0.0,
        60.0,
        unit='s',
        live=True,
    ),
    Setting(
        'target_by',
        _TARGET.by,
        'whom emotions/target holds: the nearest (the largest where positions are not known), the '
        'largest, who is looking into the camera, or who was there first',
        choices=(shared.BY_NEAREST, shared.BY_LARGEST, shared.BY_LOOKING, shared.BY_FIRST),
        live=True,
    ),
    Setting(
        'target_advantage',
        _TARGET.advantage,
        'how many times as near, large or probably looking another must be to become the target',
        1.0,
        10.0,
        live=True,
    ),
    Setting(
        'target_patience', _TARGET.patience_s, 'and for how long', 0.0, 60.0, unit='s', live=True
    ),
    Setting(
        'target_memory',
        _TARGET.memory_s,
        'how long a target that is hidden may come back and is waited for',
        0.0,
        60.0,
        unit='s',
        live=True,
    ),
    Setting(
        'ask_history',
        0.0,
        'how long results are remembered for questions about the last seconds (emotions/ask); '
        'while it is above 0 the node listens all the time',
        0.0,
        LONGEST_QUESTION_S,
        unit='s',
        live=True,
    ),
    MODE,
    STRICT_PARAMETERS,
)

NODE_PARAMETERS: dict[str, tuple[Setting, ...]] = {
    'camera_node': CAMERA_PARAMETERS,
    'emotion_node': EMOTION_PARAMETERS,
    'overlay_node': OVERLAY_PARAMETERS,
    'humans_bridge': HUMANS_PARAMETERS,
    'expression_node': EXPRESSION_PARAMETERS,
    'people_node': PEOPLE_PARAMETERS,
    'foxglove_node': FOXGLOVE_PARAMETERS,
}

# --- launch files and `emotion nodes` ------------------------------------------------------------

NAMESPACE = Setting(
    'namespace', '', 'namespace of all nodes and topics, such as robot1', empty='none'
)
PARAMS_FILE = Setting(
    'params_file', '', 'parameters of the nodes', empty='config/emotion.yaml', is_file=True
)
LOG_LEVEL = Setting(
    'log_level',
    'info',
    'log level of the nodes',
    choices=('debug', 'info', 'warn', 'error', 'fatal'),
)
OVERLAY = Setting(
    'overlay',
    True,
    'whether to start the overlay node; without it there are results and no annotated images',
)
PEOPLE = Setting(
    'people',
    False,
    'start the people node: emotions/events, target, audience and ask (docs/people_in_space.md)',
)
HEADS = tuple(setting for setting in shared.FACES if setting.name in {'head_pose', 'gaze'})
_USE_SIM_TIME = Setting('use_sim_time', False, 'take time from /clock')
_COMMON = (
    *(NAMESPACE, PARAMS_FILE, _AUTOSTART),
    Setting(
        'respawn',
        True,
        'start a node again 2 s after it has ended; never the camera of a finished file, nor a '
        'node with wrong settings',
    ),
    Setting(
        'shutdown_at_end',
        AUTO,
        'end the whole launch when the camera or bag has ended, or a node refuses its settings; '
        'auto does so unless another launch file includes this one',
        choices=(AUTO, 'true', 'false'),
    ),
    LOG_LEVEL,
    Setting(
        'enclave', ENCLAVES, 'SROS2 enclave below which every node has its own (docs/security.md)'
    ),
    *(left_to_file(shared.MODEL), left_to_file(shared.LABELS)),
    *map(left_to_file, HEADS),
    PEOPLE,
)
_IMAGES = (
    Setting(
        'image', CAMERA_IMAGE, 'image topic to subscribe to; relative ones lie in the namespace'
    ),
    left_to_file(_IMAGE_TRANSPORT),
    Setting(
        'depth',
        '',
        'topic of depth images that are aligned to the images, for the positions of heads '
        '(head_pose or gaze, and a calibrated camera)',
        empty='none',
    ),
)
_FOXGLOVE = (replace(_SERVE, default=False), FOXGLOVE_PORT, shared.MCAP)

LAUNCH_ARGUMENTS: dict[str, tuple[Setting, ...]] = {
    'live': (
        *(shared.SOURCE, MODE, replace(shared.LOOP, default=True), OVERLAY, *_FOXGLOVE),
        Setting('rqt', False, 'show the overlay in rqt_image_view'),
        *(_USE_SIM_TIME, *_COMMON),
    ),
    'emotion': (*_IMAGES, *_FOXGLOVE, _USE_SIM_TIME, *_COMMON),
    'cameras': (
        Setting(
            'cameras',
            '',
            "namespaces of the cameras, such as '[front, rear]'; front=/head/image_raw names the "
            'topic of its images too',
        ),
        Setting(
            'sources',
            '',
            "what to play as these cameras, one for each, such as '[/dev/video0, /dev/video2]'",
            empty='nothing: drivers of yours publish the images',
        ),
        *(*_IMAGES, _USE_SIM_TIME, *_COMMON),
    ),
    'humans': (
        *_IMAGES,
        Setting(
            'faces',
            'own',
            'own finds faces in the image; other adds expressions to the faces that another '
            'package finds and cuts out (docs/ros4hri.md)',
            choices=('own', 'other'),
        ),
        left_to_file(_HUMANS_TOPIC),
        *(_USE_SIM_TIME, *_COMMON),
    ),
    'replay': (
        Setting('bag', '', 'rosbag2 folder or file to play', is_file=True),
        *_IMAGES,
        Setting('rate', 1.0, 'speed of the replay; 1 is as recorded', 0.001, 1000.0),
        Setting(
            'delay',
            5.0,
            'time before the first message, for the nodes to be ready',
            0.0,
            3600.0,
            unit='s',
        ),
        *(shared.LOOP, OVERLAY, *_FOXGLOVE),
        *(replace(_USE_SIM_TIME, default=True), *_COMMON),
    ),
}
"""By launch file. A text that is empty and stands for nothing has to be given."""


def markdown_table(settings: Iterable[Setting]) -> str:
    """The documentation's table of one node's parameters."""
    lines = ['| parameter | default | range | live | meaning |', '| --- | --- | --- | --- | --- |']
    lines += [
        f'| `{s.name}` | {written(s.default)} | {s.range_text} | {s.may_change} | {s.full_help} |'
        for s in settings
    ]
    return '\n'.join(lines)


def written(value: Value) -> str:
    """A value as one writes it in a parameter file, in Markdown."""
    if value == '':
        return 'empty'
    if isinstance(value, bool):
        return f'`{str(value).lower()}`'
    if isinstance(value, list):
        return f'`[{", ".join(value)}]`'
    if isinstance(value, str) and value.isdecimal():
        return f"`'{value}'`"
    return f'`{value}`'


def launch_table() -> str:
    """The table of all launch files' arguments."""
    rows: dict[str, dict[str, Setting]] = {}
    for file, settings in LAUNCH_ARGUMENTS.items():
        for setting in settings:
            rows.setdefault(setting.short_name, {})[file] = setting
    lines = [
        '| launch argument | of | default | range | meaning |',
        '| --- | --- | --- | --- | --- |',
    ]
    for name, by_file in rows.items():
        setting = next(iter(by_file.values()))
        where = 'all' if len(by_file) == len(LAUNCH_ARGUMENTS) else ', '.join(by_file)
        defaults = dict.fromkeys(_launch_default(each) for each in by_file.values())
        lines.append(
            f'| `{name}` | {where} | {", ".join(defaults)} | {setting.range_text} | '
            f'{setting.full_help} |'
        )
    return '\n'.join(lines)


def _launch_default(setting: Setting) -> str:
    if setting.default == '' and not setting.empty:
        return 'to be given'
    return written(setting.default).replace("'", '')  # launch takes every value as a text


def main() -> None:
    """Prints the tables of the launch files and of all nodes."""
    print(f'{launch_table()}\n')
    for node, parameters in NODE_PARAMETERS.items():
        print(f'#### `{node}`\n\n{markdown_table(parameters)}\n')


if __name__ == '__main__':
    main()
