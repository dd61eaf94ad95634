"""Every stage of the pipeline on images of four sizes, the classifier by batch, and copies."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import cv2
import numpy as np

from benchmarks import images
from benchmarks.messages import MessageStages, message_stages
from benchmarks.schema import Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import Stopwatch, Timing, measure
from emotion_perception.detection import create_detector
from emotion_perception.detection.base import FaceDetector
from emotion_perception.drawing import draw_faces
from emotion_perception.encodings import decode_compressed, decode_image, encode_jpeg
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.alignment import align_faces
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.tracking import FaceTracker
from emotion_perception.types import BgrImage

_BATCHES = (1, 2, 4, 8, 16)
_FRAME_NS = 33_333_333
_JPEG_QUALITY = 85
_PERCENTILES = ('p50 ms', 'p95 ms', 'p99 ms', 'CPU p50 ms', 'CPU p95 ms')
_DEFAULTS = PipelineSettings()
_YUYV_BYTES, _BGRA_BYTES = 2, 4
# Stages that follow each other in `whole pipeline`, for the plot.
_PLOTTED = ('detect', 'track', 'align and crop', 'classify', 'overlay', 'publish emotions')


def run(settings: Settings) -> Findings:
    """Times decoding, every stage, the batches and the copies."""
    providers = ProviderSettings(num_threads=settings.threads)
    classifier = EmotionClassifier(default_model_path(), providers)
    detector = create_detector('centerface', providers)
    messages = message_stages()
    by_size = {
        size: _time_stages(size, detector, classifier, messages, settings.repeats(30))
        for size in images.SIZES
    }
    decoding = {size: _time_decoding(size, settings.repeats(20)) for size in images.SIZES}
    batches = _time_batches(classifier, settings.repeats(15))
    return Findings(
        (
            _size_table('Stages, two faces', by_size),
            _size_table('Decoding and conversion to BGR', decoding),
            _batch_table(batches),
            _copies_table(messages, settings.repeats(15)),
        ),
        (),
        (_stage_plot(by_size), _batch_plot(batches)),
    )


def _time_stages(
    size: tuple[int, int],
    detector: FaceDetector,
    classifier: EmotionClassifier,
    messages: MessageStages | None,
    count: int,
) -> dict[str, Timing]:
    frames = [images.fit(frame, *size) for frame in images.two_face_frames()]
    pipeline = EmotionPipeline(Networks(detector, classifier))
    tracker = FaceTracker()
    # Two rounds without a stopwatch: buffers are made and caches filled.
    for index in range(2):
        pipeline.process(frames[index], index)
    watch = Stopwatch()
    for index in range(count):
        frame = frames[index % len(frames)]
        _time_frame(watch, frame, (index + 2) * _FRAME_NS, pipeline, tracker, messages)
    return watch.timings()


def _time_frame(
    watch: Stopwatch,
    frame: BgrImage,
    stamp_ns: int,
    pipeline: EmotionPipeline,
    tracker: FaceTracker,
    messages: MessageStages | None,
) -> None:
    """Each stage on its own, then the whole pipeline on the same image."""
    detector, classifier = pipeline.detector, pipeline.classifier
    manifest = classifier.manifest
    side = manifest.preprocessing.face_size
    found = watch.run(
        'detect',
        lambda: detector.detect(frame, _DEFAULTS.face_score_threshold, _DEFAULTS.min_face_size),
    )
    watch.run('track', lambda: tracker.update(found, stamp_ns))
    crops = watch.run(
        'align and crop',
        lambda: align_faces(frame, found, manifest.framing, side, detector.name),
    )
    watch.run('classify', lambda: classifier.classify(crops))
    faces = watch.run('whole pipeline', lambda: pipeline.process(frame, stamp_ns))
    watch.run('overlay', lambda: draw_faces(frame, faces))
    if messages is not None:
        watch.run('publish emotions', lambda: messages.emotions(frame, faces))
        watch.run('publish image', lambda: messages.image(frame))


def _time_decoding(size: tuple[int, int], rounds: int) -> dict[str, Timing]:
    image = images.fit(images.two_face_frames()[0], *size)
    height, width = image.shape[:2]
    jpeg = encode_jpeg(image, _JPEG_QUALITY).tobytes()

    def raw(encoding: str, data: bytes, step: int) -> Callable[[], object]:
        return lambda: decode_image(
            data, width=width, height=height, encoding=encoding, step=step, is_bigendian=False
        )

    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).tobytes()
    yuyv = np.dstack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * _YUYV_BYTES).tobytes()
    nv12 = grey + grey[: len(grey) // 2]
    bgra = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA).tobytes()
    return measure(
        {
            'JPEG': lambda: decode_compressed(jpeg, 'bgr8; jpeg compressed bgr8'),
            'bgr8': raw('bgr8', image.tobytes(), width * 3),
            'rgb8': raw('rgb8', image.tobytes(), width * 3),
            'bgra8': raw('bgra8', bgra, width * _BGRA_BYTES),
            'mono8': raw('mono8', grey, width),
            'yuv422_yuy2': raw('yuv422_yuy2', yuyv, width * _YUYV_BYTES),
            'nv12': raw('nv12', nv12, width),
            'bayer_rggb8': raw('bayer_rggb8', grey, width),
        },
        rounds,
    )


def _time_batches(classifier: EmotionClassifier, rounds: int) -> dict[int, Timing]:
    side = classifier.manifest.preprocessing.face_size
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (max(_BATCHES), side, side), np.uint8)
    times = measure(
        {str(batch): partial(classifier.classify, faces[:batch]) for batch in _BATCHES}, rounds
    )
    return {batch: times[str(batch)] for batch in _BATCHES}


def _copies_table(messages: MessageStages | None, rounds: int) -> Table:
    """What each copy costs that the nodes do without."""
    rows: list[tuple[Cell, ...]] = []
    for width, height in images.SIZES[1:]:
        image = images.fit(images.two_face_frames()[0], width, height)
        for name, (without, with_copy) in _copies(image, messages).items():
            times = measure({'without': without, 'with': with_copy}, rounds, block=3)
            without_ms, with_ms = times['without'].wall.p50, times['with'].wall.p50
            size = f'{width}x{height}'
            rows.append((name, size, without_ms, with_ms, with_ms - without_ms))
    return Table(
        'Copies that are left out',
        ('how it is done', 'image', 'p50 ms', 'with the copy, p50 ms', 'saved ms'),
        tuple(rows),
    )


def _copies(
    image: BgrImage, messages: MessageStages | None
) -> Mapping[str, tuple[Callable[[], object], Callable[[], object]]]:
    height, width = image.shape[:2]
    data = image.tobytes()

    def view() -> BgrImage:
        return decode_image(
            data,
            width=width,
            height=height,
            encoding='bgr8',
            step=3 * width,
            is_bigendian=False,
        )

    crop = (slice(0, height // 3), slice(0, width // 4))  # about what a face takes
    cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        'image of a message: a view of its data': (view, lambda: view().copy()),
        'grey: of the crop, not of the image': (
            lambda: cv2.cvtColor(image[crop], cv2.COLOR_BGR2GRAY),
            lambda: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
        ),
    }
    if messages is not None:
        cases['outgoing image: one reused array.array'] = (
            lambda: messages.fill(image),
            lambda: messages.fill_anew(image),
        )
    return cases


def _size_table(title: str, by_size: Mapping[tuple[int, int], Mapping[str, Timing]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for stage in by_size[images.SIZES[0]]:
        for width, height in images.SIZES:
            timing = by_size[width, height][stage]
            rows.append((stage, f'{width}x{height}', *_cells(timing)))
    return Table(title, ('stage', 'image', *_PERCENTILES), tuple(rows))


def _batch_table(batches: Mapping[int, Timing]) -> Table:
    return Table(
        'Classifier by number of faces in one batch, preprocessing and softmax included',
        ('faces', *_PERCENTILES, 'p50 ms a face'),
        tuple((faces, *_cells(t), t.wall.p50 / faces) for faces, t in batches.items()),
    )


def _cells(timing: Timing) -> tuple[Cell, ...]:
    wall, cpu = timing.wall, timing.cpu
    return wall.p50, wall.p95, wall.p99, cpu.p50, cpu.p95


def _stage_plot(by_size: Mapping[tuple[int, int], Mapping[str, Timing]]) -> Plot:
    return Plot(
        'stages',
        'Time of every stage, two faces',
        'image',
        'p50 in ms',
        {
            stage: [(f'{w}x{h}', by_size[w, h][stage].wall.p50) for w, h in images.SIZES]
            for stage in _plotted(by_size[images.SIZES[0]])
        },
        kind='stack',
    )


def _plotted(timings: Mapping[str, Timing]) -> Sequence[str]:
    return [stage for stage in _PLOTTED if stage in timings]


def _batch_plot(batches: Mapping[int, Timing]) -> Plot:
    return Plot(
        'batches',
        'Classifier: all faces of a frame in one batch',
        'faces',
        'p50 in ms',
        {
            'one batch': [(faces, t.wall.p50) for faces, t in batches.items()],
            'one after the other': [(faces, faces * batches[1].wall.p50) for faces in batches],
        },
    )
