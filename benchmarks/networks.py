"""Our two networks against their references, in the same ONNX Runtime and in alternating blocks."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import cv2.data
import numpy as np

from benchmarks import images
from benchmarks.references import FrameDetector, UntouchedCenterFace, alexnet, alexnet_runner
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import Timing, measure
from emotion_perception.detection import create_detector
from emotion_perception.detection.haar import HaarDetector
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings, create_session
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.sources.demo import FRAME_COUNT, faces_expected, has_partial_face
from emotion_perception.types import BgrImage

_SCORE = PipelineSettings().face_score_threshold
_MIN_FACE = PipelineSettings().min_face_size
_DETECTION_SIZES = ((640, 480), (1280, 720))
# The Haar cascade with the arguments that `fer` gives it: quicker, and blind below 50 pixels.
_FER_HAAR: dict[str, Any] = {'scaleFactor': 1.1, 'minNeighbors': 5, 'minSize': (50, 50)}
_OURS, _UNTOUCHED, _HAAR = 'CenterFace, ours', 'CenterFace, untouched', 'Haar, ours'


def run(settings: Settings) -> Findings:
    """Classifier against the full AlexNet, detector against CenterFace as published and Haar."""
    classifier, detector = _classifier(settings), _detectors(settings)
    return Findings(
        tables=classifier.tables + detector.tables,
        bars=classifier.bars + detector.bars,
        plots=detector.plots,
    )


def _classifier(settings: Settings) -> Findings:
    providers = ProviderSettings(num_threads=settings.threads)
    classifier = EmotionClassifier(default_model_path(), providers)
    spec = classifier.manifest.preprocessing
    faces = np.random.default_rng(0).integers(0, 256, (8, spec.face_size, spec.face_size), np.uint8)
    session = create_session(default_model_path().read_bytes(), providers)
    name = session.get_inputs()[0].name
    batch = np.zeros((1, 3, spec.input_size, spec.input_size), np.float32)
    times = measure(
        {
            'ours, 1 face': lambda: classifier.classify(faces[:1]),
            'ours, 8 faces': lambda: classifier.classify(faces),
            'ours, 1 face, network alone': lambda: session.run(None, {name: batch}),
            'full fp32 AlexNet, 1 face': alexnet_runner(providers, 1),
            'full fp32 AlexNet, 8 faces': alexnet_runner(providers, 8),
        },
        rounds=settings.repeats(15),
        block=2,
    )
    table = Table(
        'Classifier: from grey 48x48 faces to probabilities (ours), network alone (AlexNet)',
        ('network', 'p50 ms', 'p95 ms', 'p99 ms', 'min ms', 'CPU ms'),
        _rows(times),
        f'Sizes: ours {default_model_path().stat().st_size / 2**20:.1f} MiB, AlexNet '
        f'{len(alexnet()) / 2**20:.0f} MiB.',
    )
    return Findings((table,), _classifier_bars(times))


def _classifier_bars(times: Mapping[str, Timing]) -> tuple[Bar, ...]:
    one, eight = times['ours, 1 face'].wall.p50, times['ours, 8 faces'].wall.p50
    full = times['full fp32 AlexNet, 1 face'].wall.p50
    return (
        Bar(
            'Classifier: one face against the full fp32 AlexNet',
            one / full,
            1 / 6,
            detail=f'{one:.2f} ms against {full:.2f} ms',
        ),
        Bar(
            'Classifier: eight faces in one batch against one',
            eight / one,
            6.0,
            detail=f'{eight:.2f} ms against {one:.2f} ms',
        ),
    )


def _detectors(settings: Settings) -> Findings:
    providers = ProviderSettings(num_threads=settings.threads)
    detectors: dict[str, FrameDetector] = {
        _OURS: create_detector('centerface', providers),
        _UNTOUCHED: UntouchedCenterFace(providers),
        _HAAR: HaarDetector(),
    }
    times = {size: _time_at(size, detectors, settings) for size in _DETECTION_SIZES}
    recalls = [
        _Recall.of(name, frames, heads, detectors)
        for name, (frames, heads) in _recall_clips(settings).items()
    ]
    tables = [
        Table(
            f'Detector at {width}x{height}, two faces, smallest wanted face {_MIN_FACE} pixels',
            ('detector', 'p50 ms', 'p95 ms', 'p99 ms', 'min ms', 'CPU ms'),
            _rows(times[width, height]),
        )
        for width, height in _DETECTION_SIZES
    ]
    return Findings(
        (*tables, _recall_table(recalls, list(detectors))),
        _detector_bars(times[640, 480], recalls),
        (_detector_plot(times),),
    )


def _time_at(
    size: tuple[int, int], detectors: Mapping[str, FrameDetector], settings: Settings
) -> dict[str, Timing]:
    frames = [images.fit(frame, *size) for frame in images.two_face_frames()]

    def on_next_frame(detector: FrameDetector) -> Callable[[], object]:
        endless = itertools.cycle(frames)
        return lambda: detector.detect(next(endless), _SCORE, _MIN_FACE)

    functions = {name: on_next_frame(detector) for name, detector in detectors.items()}
    functions['Haar with the arguments of fer'] = _fer_haar(frames)
    # The untouched network takes a quarter of a second on the larger image.
    rounds = settings.repeats(8 if size == _DETECTION_SIZES[0] else 4)
    return measure(functions, rounds, block=2)


def _fer_haar(frames: Sequence[BgrImage]) -> Callable[[], object]:
    path = f'{cv2.data.haarcascades}haarcascade_frontalface_default.xml'
    cascade = cv2.CascadeClassifier(path)
    endless = itertools.cycle(frames)

    def find() -> object:
        grey = cv2.cvtColor(next(endless), cv2.COLOR_BGR2GRAY)
        return cascade.detectMultiScale(grey, **_FER_HAAR)

    return find


@dataclass(frozen=True, slots=True)
class _Recall:
    """Faces found in a clip whose faces are known.

    Attributes:
        clip: Its name.
        heads: Faces that it shows.
        found: Faces found by detector, in each frame at most as many as it shows.
        surplus: Boxes beyond the heads of their frame, by detector.
    """

    clip: str
    heads: int
    found: Mapping[str, int]
    surplus: Mapping[str, int]

    @classmethod
    def of(
        cls,
        clip: str,
        frames: Sequence[BgrImage],
        heads: Sequence[int],
        detectors: Mapping[str, FrameDetector],
    ) -> '_Recall':
        found, surplus = {}, {}
        for name, detector in detectors.items():
            counts = [len(detector.detect(frame, _SCORE, _MIN_FACE)) for frame in frames]
            pairs = list(zip(counts, heads, strict=True))
            found[name] = sum(min(count, head) for count, head in pairs)
            surplus[name] = sum(max(count - head, 0) for count, head in pairs)
        return cls(clip, sum(heads), found, surplus)


def _recall_clips(settings: Settings) -> dict[str, tuple[list[BgrImage], list[int]]]:
    """Clips of known faces; of the demo clip only every sixth frame that cuts no face."""
    whole = [index for index in range(0, FRAME_COUNT, 6) if not has_partial_face(index)]
    frames = images.demo_frames()
    result = {'demo clip': ([frames[i] for i in whole], [faces_expected(i) for i in whole])}
    for name, clip in images.clips(settings.clips).items():
        if name in images.HEADS:
            result[name] = clip, [images.HEADS[name]] * len(clip)
    return result


def _recall_table(recalls: Sequence[_Recall], names: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (recall.clip, recall.heads, *(_found(recall, name) for name in names)) for recall in recalls
    ]
    return Table(
        f'Faces found (score >= {_SCORE}, side >= {_MIN_FACE} pixels)',
        ('clip', 'faces', *names),
        tuple(rows),
        'In brackets: boxes beyond the faces of their frame.',
    )


def _found(recall: _Recall, name: str) -> str:
    surplus = recall.surplus[name]
    return f'{recall.found[name]} (+{surplus})' if surplus else str(recall.found[name])


def _detector_bars(times: Mapping[str, Timing], recalls: Sequence[_Recall]) -> tuple[Bar, ...]:
    ours, untouched, haar = (times[name].wall.p50 for name in (_OURS, _UNTOUCHED, _HAAR))
    found = {name: sum(recall.found[name] for recall in recalls) for name in (_OURS, _UNTOUCHED)}
    return (
        Bar(
            'Detector: time against the untouched CenterFace at 640x480',
            ours / untouched,
            0.5,
            detail=f'{ours:.1f} ms against {untouched:.1f} ms',
        ),
        Bar(
            'Detector: faces found against the untouched CenterFace',
            found[_OURS] / max(found[_UNTOUCHED], 1),
            1.0,
            at_least=True,
            detail=f'{found[_OURS]} against {found[_UNTOUCHED]} of '
            f'{sum(recall.heads for recall in recalls)} faces in {len(recalls)} clips',
        ),
        Bar(
            "Detector: time against OpenCV's Haar at 640x480",
            ours / haar,
            1.0,
            detail=f'{ours:.1f} ms against {haar:.1f} ms, smallest face {_MIN_FACE} pixels in both',
        ),
    )


def _detector_plot(times: Mapping[tuple[int, int], Mapping[str, Timing]]) -> Plot:
    names = list(times[_DETECTION_SIZES[0]])
    return Plot(
        'detectors',
        'Time of one detection, two faces',
        'image',
        'p50 in ms',
        {
            name: [(f'{w}x{h}', times[w, h][name].wall.p50) for w, h in _DETECTION_SIZES]
            for name in names
        },
        kind='bars',
    )


def _rows(times: Mapping[str, Timing]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (name, t.wall.p50, t.wall.p95, t.wall.p99, t.wall.minimum, t.cpu.p50)
        for name, t in times.items()
    )
