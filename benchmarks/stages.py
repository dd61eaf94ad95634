"""Time of every stage of the pipeline on the demo clip: `python benchmarks/stages.py`.

Prints p50 and p95 in milliseconds of one process on whatever the machine is doing besides; compare
figures only within one run.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from emotion_perception.alignment import align_faces
from emotion_perception.classifier import EmotionClassifier
from emotion_perception.detection import create_detector
from emotion_perception.drawing import draw_faces
from emotion_perception.onnx_session import ProviderSettings
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.resources import default_model_path
from emotion_perception.sources import open_source

_SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
_BATCHES = (1, 2, 4, 8, 16)


class Stopwatch:
    """Collects durations by stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = defaultdict(list)

    def run(self, stage: str, function: Callable[[], Any]) -> Any:
        """Calls a function and notes how long it took."""
        start = time.perf_counter()
        result = function()
        self.milliseconds[stage].append(1e3 * (time.perf_counter() - start))
        return result

    def print(self, title: str) -> None:
        """Prints a table."""
        print(f'\n{title}\n{"stage":<24}{"p50 ms":>9}{"p95 ms":>9}')
        for stage, values in self.milliseconds.items():
            p50, p95 = np.percentile(values[1:] or values, [50, 95])
            print(f'{stage:<24}{p50:>9.2f}{p95:>9.2f}')


def time_pipeline(threads: int, frames: int) -> None:
    """Stages at several picture sizes."""
    providers = ProviderSettings(num_threads=threads)
    classifier = EmotionClassifier(default_model_path(), providers)
    detector = create_detector('centerface', providers)
    framing, size = classifier.manifest.framing, classifier.manifest.preprocessing.face_size
    with open_source('demo') as source:
        pictures = [frame.image for frame in source][60 : 60 + frames]
    for width, height in _SIZES:
        watch = Stopwatch()
        pipeline = EmotionPipeline(detector, classifier, PipelineSettings())
        for index, picture in enumerate(pictures):
            image = cv2.resize(picture, (width, height))
            found = watch.run('detect', lambda i=image: detector.detect(i, 0.5, 24))
            crops = watch.run(
                'align', lambda i=image, f=found: align_faces(i, f, framing, size, detector.name)
            )
            watch.run('classify', lambda c=crops: classifier.classify(c))
            faces = watch.run(
                'whole pipeline',
                lambda p=pipeline, i=image, n=index: p.process(i, n * 33_000_000),
            )
            watch.run('draw', lambda i=image, f=faces: draw_faces(i, f))
        watch.print(f'{width}x{height}, {frames} frames of the demo clip')


def time_classifier(threads: int, runs: int) -> None:
    """The classifier alone, by number of faces."""
    classifier = EmotionClassifier(default_model_path(), ProviderSettings(num_threads=threads))
    size = classifier.manifest.preprocessing.face_size
    watch = Stopwatch()
    for batch in _BATCHES:
        faces = np.random.default_rng(0).integers(0, 256, (batch, size, size), np.uint8)
        for _ in range(runs):
            watch.run(f'{batch} faces', lambda f=faces: classifier.classify(f))
    watch.print(f'classifier {classifier.manifest.name} on {classifier.provider}')


def main() -> None:
    """Runs both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 is automatic')
    parser.add_argument('--frames', type=int, default=100, help='frames per picture size')
    arguments = parser.parse_args()
    time_pipeline(arguments.threads, arguments.frames)
    time_classifier(arguments.threads, arguments.frames)


if __name__ == '__main__':
    main()
