"""How the cost of a frame grows with faces, image size and the smallest face wanted."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from benchmarks import images
from benchmarks.distribution import slope
from benchmarks.schema import Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import Timing, measure
from emotion_perception.detection import create_detector
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.types import BgrImage

_FACES = (0, 1, 2, 4, 8, 16)
_MIN_SIZES = (16, 24, 32, 48, 64, 96, 128)
_IMAGE_SIZE = (1280, 720)
_COLUMNS = ('p50 ms', 'p95 ms', 'p99 ms', 'CPU ms', 'faces found')


def run(settings: Settings) -> Findings:
    """Times whole frames along each axis."""
    return _Growth(settings).run()


class _Growth:
    def __init__(self, settings: Settings) -> None:
        providers = ProviderSettings(num_threads=settings.threads)
        self._detector = create_detector('centerface', providers)
        self._classifier = EmotionClassifier(default_model_path(), providers)
        self._rounds = settings.repeats(12)

    def run(self) -> Findings:
        axes = (self._faces(), self._sizes(), self._smallest_face())
        return Findings(tuple(table for table, _ in axes), (), tuple(plot for _, plot in axes))

    def _faces(self) -> tuple[Table, Plot]:
        width, height = _IMAGE_SIZE
        frames = {
            faces: images.crowd(faces, width, height)
            if faces
            else np.full((height, width, 3), 170, np.uint8)
            for faces in _FACES
        }
        times, found = self._time({str(n): (frame, 24) for n, frame in frames.items()})
        p50 = [times[str(faces)].wall.p50 for faces in _FACES]
        title = f'A frame of {width}x{height} by number of faces'
        table = Table(
            f'Cost: {title}',
            ('faces', *_COLUMNS),
            _rows(times, found),
            f'A further face costs {slope(_FACES, p50):.2f} ms (least squares).',
        )
        points = list(zip(_FACES, p50, strict=True))
        return table, Plot('growth-faces', title, 'faces', 'p50 in ms', {'frame': points})

    def _sizes(self) -> tuple[Table, Plot]:
        frames = {
            f'{w}x{h}': (images.fit(images.two_face_frames()[0], w, h), 24) for w, h in images.SIZES
        }
        times, found = self._time(frames)
        points = [(w * h / 1e6, times[f'{w}x{h}'].wall.p50) for w, h in images.SIZES]
        title = 'A frame by size, two faces'
        return (
            Table(f'Cost: {title}', ('image', *_COLUMNS), _rows(times, found)),
            Plot('growth-size', title, 'megapixels', 'p50 in ms', {'frame': points}),
        )

    def _smallest_face(self) -> tuple[Table, Plot]:
        series, rows = {}, []
        for width, height in ((640, 480), (1280, 720)):
            frame = images.fit(images.two_face_frames()[0], width, height)
            times, found = self._time({str(side): (frame, side) for side in _MIN_SIZES})
            name = f'{width}x{height}'
            rows += [(name, *row) for row in _rows(times, found)]
            series[name] = [(side, times[str(side)].wall.p50) for side in _MIN_SIZES]
        title, unit = 'A frame by min_face_size, two faces', 'min_face_size (pixels)'
        return (
            Table(f'Cost: {title}', ('image', 'min_face_size', *_COLUMNS), tuple(rows)),
            Plot('growth-min-face', title, unit, 'p50 in ms', series),
        )

    def _time(
        self, cases: Mapping[str, tuple[BgrImage, int]]
    ) -> tuple[dict[str, Timing], dict[str, int]]:
        """Times frames by name, each with its own smallest face."""
        pipelines = {
            name: EmotionPipeline(
                Networks(self._detector, self._classifier), PipelineSettings(min_face_size=smallest)
            )
            for name, (_, smallest) in cases.items()
        }
        functions = {
            name: partial(pipelines[name].process, image, 0) for name, (image, _) in cases.items()
        }
        times = measure(functions, self._rounds)
        return times, {name: len(function()) for name, function in functions.items()}


def _rows(times: Mapping[str, Timing], found: Mapping[str, int]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (
            int(name) if name.isdecimal() else name,
            t.wall.p50,
            t.wall.p95,
            t.wall.p99,
            t.cpu.p50,
            found[name],
        )
        for name, t in times.items()
    )
