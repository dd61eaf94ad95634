"""The settings that more than one front end offers, and what the pipeline makes of them.

Nothing heavy is imported here: a launch file needs it without ONNX Runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from emotion_perception.labels import LABEL_SETS
from emotion_perception.limits import MAX_SIDE
from emotion_perception.settings.setting import Setting

# --- the pipeline --------------------------------------------------------------------------------


BY_TIME: Final = 0
"""As `detect_every_n`, for cameras: how often whole frames are searched goes by their stamps."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What may change while the pipeline runs: `FACES` and `STREAM` have texts and ranges.

    `detect_every_n` is `BY_TIME` or 1 or more here, see `search_interval`.
    """

    confidence_threshold: float = 0.0
    face_score_threshold: float = 0.5
    min_face_size: int = 24
    smoothing: float = 0.3
    max_faces: int = 0
    detect_every_n: int = 1
    max_detection_side: int = 480
    head_pose: bool = False
    gaze: bool = False

    @property
    def wants_heads(self) -> bool:
        """Whether heads are to be estimated: a gaze needs them too."""
        return self.head_pose or self.gaze


BY_CHANGE: Final = 'change'
BY_PROBABILITY: Final = 'probability'


@dataclass(frozen=True, slots=True)
class EventSettings:
    """When an expression counts.

    Attributes:
        measure: `change` takes the log-odds against the person's own calm face, `probability` the
            probabilities as they are.
        start: Value at which one starts: nats, or 0..1.
        end: Value below which it ends, below `start`.
        shortest_s: How long it must hold before it has started, and be gone before it has ended.
        repeat_s: How often one that goes on is told again, in seconds; 0 never.
    """

    measure: str = BY_CHANGE
    start: float = 1.2
    end: float = 0.6
    shortest_s: float = 0.3
    repeat_s: float = 1.0


BY_NEAREST: Final = 'nearest'
BY_LARGEST: Final = 'largest'
BY_LOOKING: Final = 'looking'
BY_FIRST: Final = 'first'


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """Who is attended to.

    Attributes:
        by: `nearest` by the heads' positions, and by size where these are not known; `largest`;
            `looking` into the camera; `first` who was seen first, until it leaves.
        advantage: How many times as near, as large or as probably looking another must be.
        patience_s: For how long, in seconds, before it becomes the target: longer than a
            passer-by at two metres is in view.
        memory_s: How long a target that is not seen may come back, in seconds.
    """

    by: str = BY_NEAREST
    advantage: float = 1.3
    patience_s: float = 2.0
    memory_s: float = 2.0


def search_interval(detect_every_n: int, *, live: bool, blurred: bool) -> int:
    """How often the whole of a frame is searched for faces: every so many frames, or `BY_TIME`.

    Args:
        detect_every_n: What the user has set; 0 leaves it to the rest.
        live: Whether the frames are those of a camera. A replay is answered alike, however often
            it is run and however quick it is.
        blurred: Whether faces are to be hidden: between two searches a new one would be seen.
    """
    if blurred:
        return 1
    return detect_every_n or (BY_TIME if live else 1)


_DEFAULTS: Final = PipelineSettings()

SMOOTHING: Final = Setting(
    'smoothing',
    _DEFAULTS.smoothing,
    'time constant that steadies the emotion of each face; 0 is off',
    0.0,
    10.0,
    unit='s',
    live=True,
)
FACES: Final[tuple[Setting, ...]] = (
    Setting(
        'confidence_threshold',
        _DEFAULTS.confidence_threshold,
        'emotions less probable than this are called Uncertain',
        0.0,
        1.0,
        live=True,
    ),
    Setting(
        'face_score_threshold',
        _DEFAULTS.face_score_threshold,
        'faces with a lower score of the detector are dropped',
        0.0,
        1.0,
        live=True,
    ),
    Setting(
        'min_face_size',
        _DEFAULTS.min_face_size,
        'smallest side of a face; smaller ones are dropped, and larger values are quicker',
        8,
        4096,
        unit='px',
        live=True,
    ),
    Setting('max_faces', _DEFAULTS.max_faces, 'only the largest; 0 is all', 0, 1000, live=True),
    Setting(
        'head_pose',
        _DEFAULTS.head_pose,
        'estimate where heads are in space and how they are turned; positions need a calibrated '
        'camera',
        live=True,
    ),
    Setting(
        'gaze',
        _DEFAULTS.gaze,
        'estimate from head and irises where faces look, and whether into the camera; head_pose is '
        'on then too',
        live=True,
    ),
)
"""What concerns every image by itself."""

STREAM: Final[tuple[Setting, ...]] = (
    SMOOTHING,
    Setting(
        'detect_every_n',
        0,
        'the whole of every n-th frame is searched for faces, in the others known ones are '
        'followed; 0 is six searches a second in live mode, one while faces are there, and 1 '
        'otherwise; where faces are blurred it is 1',
        0,
        100,
        live=True,
    ),
    Setting(
        'max_detection_side',
        _DEFAULTS.max_detection_side,
        'longest side at which a whole frame is searched for faces, where min_face_size does not '
        'want less; small faces in large frames need more, which is slower; 0 sets no bound',
        0,
        MAX_SIDE,
        unit='px',
        live=True,
    ),
)
"""What concerns the frames of a stream; single images are searched as wholes, without a bound."""

# --- networks ------------------------------------------------------------------------------------


MODEL: Final = Setting(
    'model_path',
    '',
    'ONNX model with its manifest beside it',
    option='model',
    empty='the shipped one',
    is_file=True,
)
LABELS: Final = Setting(
    'labels',
    '',
    'whose labels to predict: fer2013, those FER-2013 was published with; ferplus, those of the '
    'ten annotators of FER+, who see more neutral faces; balanced, the same as if rare emotions '
    'were less rare, for cameras',
    choices=LABEL_SETS,
    empty='balanced where the model has it, else fer2013',
)
NETWORKS: Final[tuple[Setting, ...]] = (
    MODEL,
    LABELS,
    Setting('detector', 'centerface', 'centerface, haar, or the path of a YuNet .onnx file'),
    Setting(
        'execution_providers',
        ['auto'],
        'ONNX Runtime providers in order of preference: auto, cuda, tensorrt, openvino, cpu, ...',
        option='providers',
    ),
    Setting('strict_providers', False, 'fail where the first provider is not in use'),
    Setting('num_threads', 0, 'CPU threads of each network; 0 lets ONNX Runtime choose', 0, 256),
)
GPU: Final[tuple[Setting, ...]] = (
    Setting('device_id', 0, 'index of the GPU that cuda and tensorrt run on', 0, 63),
    Setting('tensorrt_fp16', False, 'let TensorRT calculate in half precision'),
    Setting(
        'engine_cache_path',
        '',
        'folder for built TensorRT engines',
        empty='the user cache',
        is_file=True,
    ),
)

# --- sources -------------------------------------------------------------------------------------


SOURCE: Final = Setting(
    'video_device',
    '0',
    'camera index or device, rtsp:// or http:// address, video, GIF, image, folder, glob '
    'pattern, rosbag, or demo',
    option='source',
    takes_index=True,
)
FRAME_RATE: Final = Setting(
    'framerate',
    0.0,
    'frames per second; 0 keeps the rate of the source',
    0.0,
    1000.0,
    unit='fps',
    option='frame_rate',
)
CAMERA_FORMAT: Final[tuple[Setting, ...]] = (
    *(
        Setting(
            f'image_{side}',
            0,
            f'{side} asked of a camera; 0 keeps its own',
            0,
            MAX_SIDE,
            unit='px',
            option=side,
        )
        for side in ('width', 'height')
    ),
    Setting('pixel_format', '', 'FOURCC asked of a camera, such as MJPG', empty='its own'),
)
IMAGE_TOPIC: Final = Setting(
    'image_topic',
    '',
    'image topic of a rosbag',
    option='topic',
    empty='colour before grey before depth',
)
LOOP: Final = Setting('loop', False, 'start a file or bag again at its end')

# --- outputs -------------------------------------------------------------------------------------


BLUR_FACES: Final = Setting(
    'blur_faces',
    False,
    'make the faces that are found unrecognisable in the annotated images; the whole of every '
    'frame is searched for them then',
    live=True,
)
MCAP: Final = Setting(
    'mcap_path',
    '',
    'record images, boxes and probabilities for the viewer Foxglove to this .mcap file (needs '
    'foxglove-sdk)',
    option='mcap',
    empty='none',
    is_file=True,
)

TIMELINE: Final = Setting(
    'timeline', '', 'draw the emotion of every face over time into this PNG', is_file=True
)

SHARED: Final[tuple[Setting, ...]] = (
    *(*FACES, *STREAM, *NETWORKS, *GPU),
    *(SOURCE, FRAME_RATE, *CAMERA_FORMAT, IMAGE_TOPIC, LOOP, BLUR_FACES, MCAP),
)
"""What more than one front end offers."""

COMMAND_LINE: Final[Mapping[str, str]] = {setting.name: setting.flag for setting in SHARED}
"""What one writes on a command line for a setting, by the name of its ROS parameter."""
