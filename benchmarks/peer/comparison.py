"""Ours and the peer on the same images, in short alternating blocks."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import images
from benchmarks.distribution import Distribution, describe
from benchmarks.errors import BenchmarkError
from benchmarks.peer.environment import PACKAGE, peer_python
from benchmarks.peer.process import PeerProcess
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import Stopwatch
from emotion_perception.detection import create_detector
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.settings.tables import BY_TIME
from emotion_perception.sources.demo import FRAME_COUNT, faces_expected, has_partial_face
from emotion_perception.types import BgrImage

_BLOCK = 5
_FACES_BLOCK = 20
_FRAME_NS = 33_333_333
_SPEED_BAR = "At least 3x fer's frame rate on the same frames, 640x480, two faces"
_FACE_BAR = "Classifier: one face against fer's 64x64 mini network, preprocessing included"
_OURS, _PEER = 'ours', PACKAGE.replace('==', ' ')

Samples = dict[str, list[float]]


def run(settings: Settings) -> Findings:
    """Speed and faces found, ours and the peer's; without the peer, says why."""
    try:
        python = peer_python(settings.out / 'peer-env')
    except BenchmarkError as error:
        return _not_measured(str(error))
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(python, settings.out / 'peer.log') as peer,
    ):
        return _Comparison(settings, peer, Path(folder)).run()


def _not_measured(reason: str) -> Findings:
    bars = (Bar(_SPEED_BAR, None, 3.0, at_least=True, detail=reason), Bar(_FACE_BAR, None, 1.0))
    return Findings((Table('Side by side with fer', ('not measured',), ((reason,),)),), bars)


class _Comparison:
    def __init__(self, settings: Settings, peer: PeerProcess, folder: Path) -> None:
        self._settings = settings
        self._peer = peer
        self._folder = folder
        providers = ProviderSettings(num_threads=settings.threads)
        self._classifier = EmotionClassifier(default_model_path(), providers)
        self._detector = create_detector('centerface', providers)

    def run(self) -> Findings:
        frames, bars, plots = self._frames()
        faces, face_bar = self._faces()
        return Findings((frames, faces, self._found()), (*bars, face_bar), plots)

    def _frames(self) -> tuple[Table, tuple[Bar, ...], tuple[Plot, ...]]:
        rows: list[tuple[Cell, ...]] = []
        medians: dict[str, dict[str, float]] = {_OURS: {}, _PEER: {}}
        for width, height in ((640, 480), (1280, 720)):
            clip = [images.fit(frame, width, height) for frame in images.two_face_frames()]
            wall, cpu, faces = self._race(clip, self._settings.repeats(8))
            size = f'{width}x{height}'
            for name in (_OURS, _PEER):
                w = describe(wall[name])
                medians[name][size] = w.p50
                found = float(np.mean(faces[name]))
                speed = 1e3 / w.mean
                rows.append((size, name, *_percentiles(w), describe(cpu[name]).p50, speed, found))
        table = Table(
            'Whole frames, two faces, ours and the peer in alternating blocks',
            ('image', 'who', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU ms', 'frames/s', 'faces a frame'),
            tuple(rows),
            'Ours searches whole images as for cameras. '
            + ', '.join(f'{k} {v}' for k, v in self._peer.ask('versions').items())
            + '.',
        )
        ours, peer = rows[0][6], rows[1][6]
        assert isinstance(ours, float) and isinstance(peer, float)
        detail = f'{ours:.1f} against {peer:.1f} frames/s'
        bar = Bar(_SPEED_BAR, ours / peer, 3.0, at_least=True, detail=detail)
        plot = Plot(
            'peer',
            'Whole frames, two faces, in the same run',
            'image',
            'p50 in ms',
            {name: list(points.items()) for name, points in medians.items()},
            kind='bars',
        )
        return table, (bar,), (plot,)

    def _race(
        self, clip: Sequence[BgrImage], rounds: int
    ) -> tuple[Samples, Samples, Mapping[str, list[int]]]:
        """Alternates blocks of the same frames: wall and CPU milliseconds and faces of each."""
        path = self._folder / 'frames.npy'
        np.save(path, np.stack(clip))
        # As for a camera, but searching whole frames in turn: both sides have one thread of calls.
        settings = PipelineSettings(detect_every_n=BY_TIME)
        pipeline = EmotionPipeline(Networks(self._detector, self._classifier), settings)
        watch = Stopwatch()
        wall: Samples = defaultdict(list)
        cpu: Samples = defaultdict(list)
        faces: dict[str, list[int]] = defaultdict(list)
        self._ask_frames(path, [0])  # warm-up
        pipeline.process(clip[0], 0)
        for turn in range(rounds):
            indices = [(turn * _BLOCK + i) % len(clip) for i in range(_BLOCK)]
            for offset, index in enumerate(indices):
                stamp_ns = (turn * _BLOCK + offset + 1) * _FRAME_NS
                found = watch.run(_OURS, partial(pipeline.process, clip[index], stamp_ns))
                faces[_OURS].append(len(found))
            response = self._ask_frames(path, indices)
            wall[_PEER] += response['wall']
            cpu[_PEER] += response['cpu']
            faces[_PEER] += response['faces']
        wall[_OURS], cpu[_OURS] = watch.samples(_OURS)
        return wall, cpu, faces

    def _ask_frames(self, path: Path, indices: Sequence[int]) -> dict[str, Any]:
        return self._peer.ask('frames', path=str(path), indices=list(indices))

    def _faces(self) -> tuple[Table, Bar]:
        side = self._classifier.manifest.preprocessing.face_size
        faces = np.random.default_rng(0).integers(0, 256, (_FACES_BLOCK, side, side), np.uint8)
        path = self._folder / 'faces.npy'
        np.save(path, faces)
        everything = list(range(_FACES_BLOCK))
        watch = Stopwatch()
        peer: Samples = {'wall': [], 'network': []}
        for _ in range(self._settings.repeats(10)):
            for index in everything:
                watch.run(_OURS, partial(self._classifier.classify, faces[index : index + 1]))
            response = self._peer.ask('faces', path=str(path), indices=everything)
            peer['wall'] += response['wall']
            peer['network'] += response['network']
        ours, theirs = watch.timings()[_OURS].wall, describe(peer['wall'])
        table = Table(
            'One grey 48x48 face to probabilities, ours at 227x227 and the peer at 64x64',
            ('who', 'p50 ms', 'p95 ms', 'p99 ms', 'min ms'),
            (
                (_OURS, *_percentiles(ours), ours.minimum),
                (_PEER, *_percentiles(theirs), theirs.minimum),
                (f'{_PEER}, network alone', *_percentiles(describe(peer['network'])), None),
            ),
        )
        detail = f'{ours.p50:.2f} ms against {theirs.p50:.2f} ms'
        return table, Bar(_FACE_BAR, ours.p50 / theirs.p50, 1.0, detail=detail)

    def _found(self) -> Table:
        whole = [index for index in range(0, FRAME_COUNT, 3) if not has_partial_face(index)]
        demo = [images.demo_frames()[index] for index in whole]
        clips = {'demo clip': (demo, [faces_expected(index) for index in whole])}
        for name, frames in images.clips(self._settings.clips).items():
            if name in images.HEADS:
                clips[name] = frames, [images.HEADS[name]] * len(frames)
        return Table(
            'Faces found',
            ('clip', 'frames', 'faces', _OURS, _PEER),
            tuple(self._found_row(name, *clip) for name, clip in clips.items()),
            'Smallest face: 24 pixels for ours, 50 for the peer (the defaults of both). In each '
            'frame at most as many faces count as it shows.',
        )

    def _found_row(
        self, name: str, frames: Sequence[BgrImage], heads: Sequence[int]
    ) -> tuple[Cell, ...]:
        path = self._folder / 'clip.npy'
        np.save(path, np.stack(frames))
        theirs = self._ask_frames(path, range(len(frames)))['faces']
        pipeline = EmotionPipeline(Networks(self._detector, self._classifier))
        ours = [len(pipeline.process(frame, i * _FRAME_NS)) for i, frame in enumerate(frames)]
        return name, len(frames), sum(heads), _hits(ours, heads), _hits(theirs, heads)


def _percentiles(values: Distribution) -> tuple[float, float, float]:
    return values.p50, values.p95, values.p99


def _hits(found: Sequence[int], heads: Sequence[int]) -> int:
    return sum(min(count, head) for count, head in zip(found, heads, strict=True))
