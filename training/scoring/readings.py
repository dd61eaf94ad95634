"""Readings of PrivateTest: each is logged, because every further one makes it less of a test."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from emotion_perception.inference.manifest import manifest_path_for, sha256_of
from training.scoring.scores import SplitReport, share_document

READINGS = 'private_test_readings.jsonl'
_EXTRAS = ('ferplus', 'ten_crop_not_the_headline', 'pipeline')


def keep_reading(model: Path, found: SplitReport) -> None:
    """Logs a reading of PrivateTest beside the model, for an ONNX file in its manifest too.

    Args:
        model: The file that was read with.
        found: What it scored; FER+, ten-crop and pipeline figures of an earlier reading by the
            same file stay in the manifest unless measured anew.
    """
    _log_reading(model, found)
    if model.suffix == '.onnx':
        _keep_in_manifest(model, found)


def _log_reading(model: Path, found: SplitReport) -> None:
    result = found.scores
    reading = {
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'model': model.name,
        'sha256': sha256_of(model),
        'split': result.split,
        'accuracy': share_document(result.accuracy),
        'twin_free_accuracy': share_document(result.twin_free),
        **found.extras(),
    }
    with (model.parent / READINGS).open('a', encoding='utf-8') as log:
        log.write(json.dumps(reading) + '\n')


def _keep_in_manifest(model: Path, found: SplitReport) -> None:
    """Adds the reading to the scores of the model's manifest and leaves all else as it is."""
    path = manifest_path_for(model)
    document = json.loads(path.read_text(encoding='utf-8'))
    # An export starts the scores anew, so an earlier reading here is always of the same sha256.
    earlier = document['scores'].get(found.scores.split, {})
    extras = {key: earlier[key] for key in _EXTRAS if key in earlier}
    kept = found.scores.document() | extras | found.extras()
    del kept['confusion']
    document['scores'][found.scores.split] = kept
    path.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
