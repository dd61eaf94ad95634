"""Runs the peer in its own environment: answers one JSON line for each that it is asked.

Nothing of this project is imported here; the peer is used through its own class, unchanged.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
from fer.fer import FER

_SIDE = 64
_PACKAGES = ('fer', 'tensorflow-cpu', 'tensorflow', 'opencv-contrib-python-headless', 'numpy')


def main() -> None:
    """Answers until stdin ends."""
    # The pipe is kept for answers alone: libraries may print.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    peer = FER()  # its defaults: the quantised network and the Haar cascade
    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        'frames': _frames,
        'faces': _faces,
        'versions': _versions,
    }
    for line in sys.stdin:
        question = json.loads(line)
        response = tasks[question.pop('task')](peer, **question)
        print(json.dumps(response), file=answers, flush=True)


def _frames(peer: FER, path: str, indices: list[int]) -> dict[str, Any]:
    """Whole frames: faces and their emotions."""
    frames = np.load(path, mmap_mode='r')
    wall, cpu, faces = [], [], []
    for index in indices:
        frame = np.array(frames[index])
        started, worked = time.perf_counter_ns(), time.process_time_ns()
        found = peer.detect_emotions(frame)
        wall.append((time.perf_counter_ns() - started) / 1e6)
        cpu.append((time.process_time_ns() - worked) / 1e6)
        faces.append(len(found))
    return {'wall': wall, 'cpu': cpu, 'faces': faces}


def _faces(peer: FER, path: str, indices: list[int]) -> dict[str, Any]:
    """Single grey faces: enlarged, normalised and classified as `detect_emotions` does."""
    faces = np.load(path, mmap_mode='r')
    wall, network, labels = [], [], []
    for index in indices:
        face = np.array(faces[index])
        started = time.perf_counter_ns()
        batch = cv2.resize(face, (_SIDE, _SIDE)).astype('float32')[np.newaxis]
        batch = (batch / 255.0 - 0.5) * 2.0
        prepared = time.perf_counter_ns()
        scores = peer._classify_emotions(batch)
        ended = time.perf_counter_ns()
        wall.append((ended - started) / 1e6)
        network.append((ended - prepared) / 1e6)
        labels.append(int(np.argmax(scores[0])))
    return {'wall': wall, 'network': network, 'labels': labels}


def _versions(peer: FER) -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except ImportError:  # one of TensorFlow's two names
            continue
    return versions


if __name__ == '__main__':
    main()
