"""What following faces by their mesh saves, and what head pose and gaze cost on top of it.

CPU time of the whole pipeline, of streams that take turns in one process. Whole images are searched
in turn here and not in another thread, so that every search counts, whatever the machine's pace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks import images
from benchmarks.schema import Bar, Cell, Findings, Table
from benchmarks.settings import Settings
from benchmarks.timing import Stopwatch
from emotion_perception.detection import create_detector
from emotion_perception.detection.base import FaceDetector
from emotion_perception.files.resources import default_model_path
from emotion_perception.heads.networks import HeadNetworks, Mesh
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.settings.tables import BY_TIME, PipelineSettings
from emotion_perception.types import NS_PER_S, BgrImage

_SIZE = (1280, 720)
_RATES = (30, 15, 10, 5)
_WHOLE, _REGIONS, _MESH = 'every image as a whole', 'regions, every fifth as a whole', 'mesh'
_POSE, _GAZE = 'mesh, head_pose', 'mesh, gaze'
_SECONDS_A_TURN = 2


class NoMeshes(HeadNetworks):
    """Sees no face, at no cost: known faces are then looked for by the detector, as before."""

    def meshes(self, image: BgrImage, squares: Sequence[TurnedSquare]) -> list[tuple[Mesh, float]]:
        """See `HeadNetworks.meshes`."""
        return [(np.zeros((468, 3)), 0.0) for _ in squares]


def run(settings: Settings) -> Findings:
    """Runs the demo clip's two faces at several rates."""
    providers = ProviderSettings(num_threads=settings.threads)
    networks = (
        create_detector('centerface', providers),
        EmotionClassifier(default_model_path(), providers),
        HeadNetworks(providers),
    )
    rows: list[tuple[Cell, ...]] = []
    cpu: dict[tuple[int, str], float] = {}
    for rate in _RATES:
        streams = _streams(rate, *networks)
        for _ in range(settings.repeats(3)):
            for stream in streams.values():
                stream.take_turn()
        cpu |= {(rate, name): stream.cpu_ms for name, stream in streams.items()}
        for name, stream in streams.items():
            of_whole, of_regions = (stream.cpu_ms / cpu[rate, one] for one in (_WHOLE, _REGIONS))
            faces = float(np.mean(stream.faces))
            rows.append((rate, name, stream.cpu_ms, of_whole, of_regions, faces))
    return Findings((_table(rows),), _bars(cpu))


def _streams(
    rate: int, detector: FaceDetector, classifier: EmotionClassifier, heads: HeadNetworks
) -> dict[str, '_Stream']:
    now = PipelineSettings(detect_every_n=BY_TIME)
    kinds: dict[str, tuple[PipelineSettings, HeadNetworks]] = {
        _WHOLE: (PipelineSettings(detect_every_n=1), heads),
        _REGIONS: (PipelineSettings(detect_every_n=5), NoMeshes()),
        _MESH: (now, heads),
    }
    if rate == _RATES[0]:
        kinds[_POSE] = (replace(now, head_pose=True), heads)
        kinds[_GAZE] = (replace(now, gaze=True), heads)
    return {
        name: _Stream(EmotionPipeline(Networks(detector, classifier, seen), each), rate)
        for name, (each, seen) in kinds.items()
    }


class _Stream:
    """One stream of images at a rate; every turn continues where the last one ended."""

    def __init__(self, pipeline: EmotionPipeline, rate: int) -> None:
        self._pipeline, self._rate = pipeline, rate
        self._frames = [images.fit(frame, *_SIZE) for frame in images.two_face_frames()]
        self._watch = Stopwatch()
        self._next = 0
        self.faces: list[int] = []

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds an image, the first turn left out."""
        _, cpu = self._watch.samples('image')
        return float(np.mean(cpu[_SECONDS_A_TURN * self._rate :]))

    def take_turn(self) -> None:
        """Takes the images of the next seconds."""
        for _ in range(_SECONDS_A_TURN * self._rate):
            seconds = self._next / self._rate
            image = self._frames[round(seconds * _RATES[0]) % len(self._frames)]
            process = partial(self._pipeline.process, image, round(seconds * NS_PER_S))
            found = self._watch.run('image', process)
            self.faces.append(len(found))
            self._next += 1


def _table(rows: Sequence[tuple[Cell, ...]]) -> Table:
    return Table(
        f'Following two faces at {_SIZE[0]}x{_SIZE[1]}: CPU of the whole pipeline',
        ('images/s', 'how', 'CPU ms an image', 'of whole', 'of regions', 'faces'),
        tuple(rows),
        'Regions, where the detector looks for known faces: what was done before.',
    )


def _bars(cpu: Mapping[tuple[int, str], float]) -> tuple[Bar, ...]:
    def share(rate: int, of: str) -> float:
        return cpu[rate, _MESH] / cpu[rate, of]

    first, *slower = _RATES
    more = cpu[first, _GAZE] / cpu[first, _MESH] - 1
    return (
        Bar(
            f'Following by the mesh: CPU against regions, two faces, {first} images/s',
            share(first, _REGIONS),
            0.6,
            detail=f'{cpu[first, _MESH]:.1f} ms against {cpu[first, _REGIONS]:.1f} ms an image',
        ),
        Bar(
            f'The same at {min(slower)} to {max(slower)} images/s against whole images, at worst',
            max(share(rate, _WHOLE) for rate in slower),
            0.6,
            detail='against regions ' + ', '.join(f'{r}: {share(r, _REGIONS):.2f}' for r in slower),
        ),
        Bar(
            f'Head pose and gaze: CPU on top of the pipeline, {first} images/s',
            more,
            0.25,
            detail=f'head pose alone {cpu[first, _POSE] / cpu[first, _MESH] - 1:.2f}',
        ),
    )
