"""Every parameter of the nodes: name, default, meaning and range, in one place.

The nodes declare their parameters from these tables and the README's tables are made from them
(`python -m emotion_bringup.parameter_tables`). No ROS import here, so that documentation can be
made anywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from emotion_perception.labels import FER2013, LABEL_SETS
from emotion_perception.pipeline_settings import LIVE_DETECT_EVERY_N, PipelineSettings

LIVE = 'live'
REPLAY = 'replay'

REPLAY_IN_FLIGHT = 4
"""Frames of a file that may be unprocessed: enough to keep all nodes busy, few enough that results
are fresh and memory stays flat."""

Value = bool | int | float | str | list[str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ROS parameter.

    Attributes:
        name: Its name.
        default: Its default, which also fixes its type.
        description: What it does, with the unit.
        minimum: Lowest value allowed, for numbers.
        maximum: Highest value allowed, for numbers.
        choices: The only values allowed, for strings.
        takes_index: Whether a whole number is taken for its text, as in `video_device: 0`.
        live: Whether it may change while the node runs.
        at_configure: Whether it is read when the lifecycle node configures, and may change while
            that is not configured. What is neither is read when the node starts.
    """

    name: str
    default: Value
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    takes_index: bool = False
    live: bool = False
    at_configure: bool = False

    @property
    def range_text(self) -> str:
        """The range or the choices in words; empty when everything is allowed."""
        if self.choices:
            return ' or '.join(self.choices)
        if self.minimum is not None:
            return f'{self.minimum:g} to {self.maximum:g}'
        return ''

    @property
    def may_change(self) -> str:
        """When it may change after the start, in words; empty when it may not."""
        if self.live:
            return 'yes'
        return 'unconfigured' if self.at_configure else ''

    def fitting(self, value: object) -> object:
        """A value in this parameter's type, where only the way it is written differs.

        YAML and `-p` read `30` and `0` as whole numbers and `cpu` as a text, where a number,
        a camera index and a list of one are meant. Anything else is returned as it is.
        """
        if type(value) is int and isinstance(self.default, float):
            return float(value)
        if type(value) is int and self.takes_index:
            return str(value)
        if isinstance(value, str) and isinstance(self.default, list):
            return [value]
        return value


_MODE = Parameter(
    'mode',
    LIVE,
    'live keeps only the newest frame; replay drops none (files and bags)',
    choices=(LIVE, REPLAY),
)
RAW = 'raw'
COMPRESSED = 'compressed'
IMAGE_TRANSPORTS = (RAW, COMPRESSED)
_IMAGE_TRANSPORT = Parameter(
    'image_transport',
    RAW,
    'raw subscribes to the image topic, compressed to its /compressed topic; an image topic that '
    'ends in /compressed is taken as it is',
    choices=IMAGE_TRANSPORTS,
)
_DEFAULTS = PipelineSettings()
_SMOOTHING = Parameter(
    'smoothing',
    _DEFAULTS.smoothing,
    'time constant in seconds of the probabilities along a track; 0 is off',
    0.0,
    10.0,
    live=True,
)
_NETWORKS: tuple[Parameter, ...] = (
    Parameter('model_path', '', 'ONNX model with its manifest beside it; empty is the shipped one'),
    Parameter(
        'labels',
        FER2013,
        'whose labels to predict: those FER-2013 was published with, or those of the ten '
        'annotators of FER+, who see more neutral faces',
        choices=LABEL_SETS,
    ),
    Parameter('detector', 'centerface', 'centerface, haar, or the path of a YuNet .onnx file'),
    Parameter(
        'execution_providers',
        ['auto'],
        'ONNX Runtime providers in order of preference: auto, cuda, tensorrt, cpu, ...',
    ),
    Parameter(
        'strict_providers', False, 'refuse to start when the first provider is not really in use'
    ),
    Parameter('num_threads', 0, 'CPU threads of the networks; 0 lets ONNX Runtime choose', 0, 256),
    Parameter('device_id', 0, 'index of the GPU that cuda and tensorrt run on', 0, 63),
    Parameter('tensorrt_fp16', False, 'let TensorRT calculate in half precision'),
    Parameter(
        'engine_cache_path', '', 'folder for built TensorRT engines; empty is the user cache'
    ),
)
_HUMANS_TOPIC = Parameter(
    'humans_topic',
    '/humans',
    'where REP-155 has people; a relative name lies in the namespace, for several robots',
)

CAMERA_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'video_device',
        '0',
        'camera index or device path, rtsp:// or http:// address, video, GIF, image, folder, '
        'glob pattern, rosbag, or demo',
        takes_index=True,
    ),
    Parameter('framerate', 0.0, 'frames per second; 0 keeps the rate of the source', 0.0, 1000.0),
    Parameter('image_width', 0, 'width asked of a camera, in pixels; 0 keeps its own', 0, 16384),
    Parameter('image_height', 0, 'height asked of a camera, in pixels; 0 keeps its own', 0, 16384),
    Parameter(
        'pixel_format', '', 'FOURCC asked of a camera, such as MJPG or YUYV; empty keeps its own'
    ),
    Parameter('frame_id', 'camera_optical_frame', 'optical frame of the images (REP-103)'),
    Parameter('camera_name', 'camera', 'name checked against the calibration file'),
    Parameter(
        'camera_info_url',
        '',
        'calibration YAML as file:///..., package://... or a path; empty is uncalibrated',
    ),
    Parameter('image_topic', '', 'topic to play from a rosbag; empty takes its first image topic'),
    Parameter('loop', False, 'start a file or bag again at its end instead of exiting'),
    Parameter(
        'publish_compressed', True, 'also publish image_raw/compressed (JPEG) while subscribed'
    ),
    Parameter('jpeg_quality', 85, 'quality of compressed images', 1, 100),
    Parameter(
        'wait_for_subscribers',
        0,
        'hold the first frame until image_raw has so many subscribers, and camera_info one',
        0,
        1000,
    ),
    Parameter(
        'max_in_flight',
        0,
        'frames that may wait for their result on emotions before the next one; 0 is no limit',
        0,
        1000,
    ),
    _MODE,
)

EMOTION_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'confidence_threshold',
        _DEFAULTS.confidence_threshold,
        'emotions below this probability are published as Uncertain',
        0.0,
        1.0,
        live=True,
    ),
    Parameter(
        'face_score_threshold',
        _DEFAULTS.face_score_threshold,
        'faces below this detector score are dropped',
        0.0,
        1.0,
        live=True,
    ),
    Parameter(
        'min_face_size',
        _DEFAULTS.min_face_size,
        'smallest face side in pixels; larger is quicker',
        8,
        4096,
        live=True,
    ),
    _SMOOTHING,
    Parameter(
        'max_faces', _DEFAULTS.max_faces, 'only the largest faces; 0 is all', 0, 1000, live=True
    ),
    Parameter(
        'detect_every_n',
        0,
        'the whole of every n-th frame is searched for faces, of the others only where faces were; '
        f'0 is {LIVE_DETECT_EVERY_N} in live mode and 1 in replay',
        0,
        100,
        live=True,
    ),
    *(replace(parameter, at_configure=True) for parameter in _NETWORKS),
    _IMAGE_TRANSPORT,
    _MODE,
    Parameter(
        'min_subscribers',
        1,
        'listen to images while emotions, or emotions/detections, has so many subscribers',
        1,
        1000,
    ),
    Parameter(
        'publish_detections', True, 'also publish vision_msgs on emotions/detections, if installed'
    ),
    Parameter('autostart', True, 'configure and activate without a lifecycle manager'),
    Parameter(
        'image_timeout', 5.0, 'seconds without an image after which the node says so', 0.1, 3600.0
    ),
)

OVERLAY_PARAMETERS: tuple[Parameter, ...] = (
    _IMAGE_TRANSPORT,
    _MODE,
    Parameter('show_window', False, 'open a window titled Emotion Detector; q closes it'),
    Parameter('video_path', '', 'also write a video file (.mp4, .mkv, .avi); empty writes none'),
    Parameter('video_framerate', 0.0, 'frames per second of that file; 0 measures it', 0.0, 1000.0),
    Parameter('jpeg_quality', 85, 'quality of emotions/image/compressed', 1, 100),
    Parameter(
        'draw_probabilities', True, 'draw the bar chart of the seven probabilities', live=True
    ),
    Parameter('draw_landmarks', False, 'draw the five landmarks', live=True),
    Parameter(
        'blur_faces',
        False,
        'make the faces unrecognisable in all outputs; '
        'set `detect_every_n` of emotion_node to 1 with it',
        live=True,
    ),
)

FOXGLOVE_PARAMETERS: tuple[Parameter, ...] = (
    _IMAGE_TRANSPORT,
    _MODE,
    Parameter('serve', True, 'let Foxglove connect over a WebSocket'),
    Parameter(
        'address',
        '127.0.0.1',
        'address to listen on; 0.0.0.0 lets every machine in the network see the camera',
    ),
    Parameter('port', 8765, 'TCP port to listen on; 0 takes any free one', 0, 65535),
    Parameter('mcap_path', '', 'also record everything to an .mcap file; empty records nothing'),
    Parameter('jpeg_quality', 85, 'quality of the images', 1, 100),
    Parameter(
        'blur_faces',
        False,
        'make the faces unrecognisable in the images; '
        'set `detect_every_n` of emotion_node to 1 with it',
        live=True,
    ),
)

HUMANS_PARAMETERS: tuple[Parameter, ...] = (
    _IMAGE_TRANSPORT,
    _MODE,
    _HUMANS_TOPIC,
    Parameter('face_width', 128, 'width of cropped and aligned faces, in pixels', 16, 1024),
    Parameter('face_height', 128, 'height of cropped and aligned faces, in pixels', 16, 1024),
    Parameter(
        'emotions_timeout',
        5.0,
        'seconds without results on emotions after which all faces count as gone',
        0.1,
        3600.0,
    ),
)

EXPRESSION_PARAMETERS: tuple[Parameter, ...] = (
    _HUMANS_TOPIC,
    Parameter(
        'face_image',
        'cropped',
        'which images of the faces to read',
        choices=('cropped', 'aligned'),
    ),
    _SMOOTHING,
    *_NETWORKS,
    _MODE,
    Parameter(
        'image_timeout',
        5.0,
        'seconds without an image of a face after which the node says so',
        0.1,
        3600.0,
    ),
)

NODE_PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    'camera_node': CAMERA_PARAMETERS,
    'emotion_node': EMOTION_PARAMETERS,
    'overlay_node': OVERLAY_PARAMETERS,
    'humans_bridge': HUMANS_PARAMETERS,
    'expression_node': EXPRESSION_PARAMETERS,
    'foxglove_node': FOXGLOVE_PARAMETERS,
}


def markdown_table(parameters: Iterable[Parameter]) -> str:
    """The README's table of one node's parameters."""
    lines = ['| parameter | default | range | live | meaning |', '| --- | --- | --- | --- | --- |']
    for p in parameters:
        default = f'`{_yaml_text(p.default)}`' if p.default != '' else 'empty'
        lines.append(
            f'| `{p.name}` | {default} | {p.range_text} | {p.may_change} | {p.description} |'
        )
    return '\n'.join(lines)


def _yaml_text(value: Value) -> str:
    """A value as one writes it in a parameter file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f'[{", ".join(value)}]'
    if isinstance(value, str) and value.isdecimal():
        return f"'{value}'"
    return str(value)


def main() -> None:
    """Prints the tables of all nodes."""
    for node, parameters in NODE_PARAMETERS.items():
        print(f'#### `{node}`\n\n{markdown_table(parameters)}\n')


if __name__ == '__main__':
    main()
