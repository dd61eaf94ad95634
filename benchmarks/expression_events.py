"""How often a smile over a calm face is an event, on photos of people calm and smiling.

python -m benchmarks.expression_events FOLDER

FOLDER has `labels.csv` with the columns `file` and `label` (Neutral, Happy); what stands before the
last underscore of a file's name is the person.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from emotion_perception.labels import Emotion
from emotion_perception.networks import load_networks
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.tracking.events import EventKind, ExpressionEvents
from emotion_perception.types import NS_PER_S, BgrImage

_RATE = 5
_CALM_S, _THEN_S = 3, 2


def pairs(folder: Path) -> Iterator[tuple[BgrImage, BgrImage]]:
    """The calm and the smiling image of every person."""
    people: dict[str, dict[str, BgrImage]] = {}
    with (folder / 'labels.csv').open(newline='') as file:
        for row in csv.DictReader(file):
            person = row['file'].rpartition('_')[0]
            people.setdefault(person, {})[row['label']] = read_image_file(folder / row['file'])
    for images in people.values():
        yield images['Neutral'], images['Happy']


def disturbed(image: BgrImage, rng: np.random.Generator) -> BgrImage:
    """The same image turned, scaled, lit otherwise and with noise."""
    height, width = image.shape[:2]
    angle, scale = rng.uniform(-6, 6), rng.uniform(0.85, 1.1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    noisy = turned * rng.uniform(0.85, 1.15) + rng.normal(0, 6, image.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def started(pipeline: EmotionPipeline, calm: BgrImage, then: BgrImage) -> set[int]:
    """Which expressions start on a face that is calm for a while and then looks otherwise."""
    pipeline.reset()
    events, found = ExpressionEvents(), set()
    for index in range((_CALM_S + _THEN_S) * _RATE):
        stamp_ns = index * NS_PER_S // _RATE
        faces = pipeline.process(calm if index < _CALM_S * _RATE else then, stamp_ns)
        happened = events.update(faces, stamp_ns)
        found |= {event.emotion_id for event in happened if event.kind == EventKind.STARTED}
    return found


def main(folder: str) -> None:
    """Prints both shares."""
    pipeline = EmotionPipeline(load_networks())
    rng = np.random.default_rng(0)
    people = list(pairs(Path(folder)))
    smiles = sum(int(Emotion.HAPPY) in started(pipeline, *pair) for pair in people)
    false = sum(bool(started(pipeline, calm, disturbed(calm, rng))) for calm, _ in people)
    print(f'calm, then smiling: a smile starts for {smiles} of {len(people)} people')
    print(f'calm, then calm: any expression starts for {false} of {len(people)} people')


if __name__ == '__main__':
    main(*sys.argv[1:])
