"""Faces followed between detections: how far their boxes stray, and what it saves."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks import images
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import Stopwatch
from emotion_perception.detection import create_detector
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.types import BgrImage, Box, Face, iou_matrix, match_greedily

_INTERVALS = (2, 3, 5)
_FRAME_NS = 33_333_333
_LIMIT = 0.7
# Any overlap at all makes a pair.
_TOUCHING = np.finfo(np.float64).tiny
# One face comes near; the other leaves quickly and comes back.
_DEMO_FRAMES = slice(120, 220)
_DEMO_NAME = f'demo clip, frames {_DEMO_FRAMES.start} to {_DEMO_FRAMES.stop - 1}'


def run(settings: Settings) -> Findings:
    """Runs every clip once for each `detect_every_n` and compares the boxes frame by frame."""
    providers = ProviderSettings(num_threads=settings.threads)
    detector = create_detector('centerface', providers)
    classifier = EmotionClassifier(default_model_path(), providers)
    rows: list[tuple[Cell, ...]] = []
    series: dict[str, list[tuple[int, float]]] = {}
    clips = {
        _DEMO_NAME: list(images.demo_frames()[_DEMO_FRAMES]),
        **images.clips(settings.clips),
    }
    for name, frames in clips.items():
        expected: list[list[Face]] = []
        for interval in (1, *_INTERVALS):
            pipeline = EmotionPipeline(
                Networks(detector, classifier), PipelineSettings(detect_every_n=interval)
            )
            faces, row = _faces_and_times(pipeline, frames)
            expected = faces if interval == 1 else expected
            overlaps = overlap_by_frame(_boxes(expected), _boxes(faces))
            same = same_emotion(expected, faces)
            rows.append((name, interval, *row, *_overlap_cells(overlaps), same))
            series.setdefault(name, []).append((interval, row[0]))
    return Findings((_table(rows),), _bars(rows), (_plot(series),))


def overlap_by_frame(
    expected: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]]
) -> npt.NDArray[np.float64]:
    """Intersection over union of every box with its counterpart.

    Args:
        expected: Boxes of each frame.
        found: Boxes of each frame of another run.

    Returns:
        float64 [n]: one value for every pair that was matched, largest overlap first, and 0 for
        every box of either run that has no counterpart.
    """
    values: list[float] = []
    for first, second in zip(expected, found, strict=True):
        overlap = iou_matrix(first, second)
        matched = [
            float(overlap[row, column]) for column, row in match_greedily(overlap, _TOUCHING)
        ]
        values += matched + [0.0] * (len(first) + len(second) - 2 * len(matched))
    return np.asarray(values, np.float64)


def same_emotion(
    expected: Sequence[Sequence[Face]], found: Sequence[Sequence[Face]]
) -> float | None:
    """Percentage of the faces of both runs that have the same emotion; None without such faces."""
    same = [
        first[row].emotion == second[column].emotion
        for first, second in zip(expected, found, strict=True)
        for column, row in match_greedily(
            iou_matrix([face.box for face in first], [face.box for face in second]), _TOUCHING
        )
    ]
    return 100 * float(np.mean(same)) if same else None


def _boxes(frames: Sequence[Sequence[Face]]) -> list[list[Box]]:
    return [[face.box for face in faces] for faces in frames]


def _faces_and_times(
    pipeline: EmotionPipeline, frames: Sequence[BgrImage]
) -> tuple[list[list[Face]], tuple[float, float, float]]:
    watch = Stopwatch()
    found = []
    for index, frame in enumerate(frames):
        found.append(watch.run('frame', partial(pipeline.process, frame, index * _FRAME_NS)))
    timing = watch.timings()['frame']
    return found, (timing.wall.mean, timing.wall.p95, timing.cpu.mean)


def _overlap_cells(overlaps: npt.NDArray[np.float64]) -> tuple[Cell, ...]:
    if not overlaps.size:
        return None, None, None
    return (
        float(overlaps.mean()),
        float(np.percentile(overlaps, 5)),
        100 * float((overlaps >= _LIMIT).mean()),
    )


def _table(rows: Sequence[tuple[Cell, ...]]) -> Table:
    return Table(
        'Tracking between detections: boxes against those of per-frame detection',
        (
            'clip', 'detect_every_n', 'mean ms', 'p95 ms', 'CPU ms', 'mean IoU', 'IoU p5',
            f'IoU >= {_LIMIT} (%)', 'same emotion (%)',
        ),
        tuple(rows),
        'A box without a counterpart in the other run counts as 0. Emotions are smoothed as usual '
        'and compared for the faces that both runs have.',
    )  # fmt: skip


def _bars(rows: Sequence[tuple[Cell, ...]]) -> tuple[Bar, ...]:
    followed = [row for row in rows if row[1] != 1 and row[5] is not None]
    if not followed:
        return ()
    worst = min(followed, key=lambda row: float(row[5] or 0))
    worst_tail = min(followed, key=lambda row: float(row[6] or 0))
    return (
        Bar(
            'Tracking: mean IoU with per-frame boxes, worst clip and interval',
            float(worst[5] or 0),
            _LIMIT,
            at_least=True,
            detail=f'{worst[0]}, detect_every_n {worst[1]}; 5th percentile at worst '
            f'{float(worst_tail[6] or 0):.2f} ({worst_tail[0]}, n = {worst_tail[1]})',
        ),
    )


def _plot(series: dict[str, list[tuple[int, float]]]) -> Plot:
    return Plot(
        'tracking',
        'Time of a frame when faces are followed between detections',
        'detect_every_n',
        'mean ms',
        series,
    )
