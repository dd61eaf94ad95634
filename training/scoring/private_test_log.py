"""Evaluations on PrivateTest: each is logged, because every further one makes it less of a test."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from emotion_perception.inference.manifest import manifest_path_for, sha256_of
from training.scoring.scores import SplitReport, share_document
from training.writing import write_json, write_text

LOG_NAME = 'private_test_readings.jsonl'
_EXTRAS = ('ferplus', 'ten_crop_not_the_headline', 'pipeline')


def log_private_test(model: Path, found: SplitReport) -> None:
    """Logs an evaluation on PrivateTest beside the model, for an ONNX file in its manifest too.

    Args:
        model: The file that was evaluated.
        found: What it scored; FER+, ten-crop and pipeline figures of an earlier evaluation of the
            same file stay in the manifest unless measured anew.
    """
    _append_to_log(model, found)
    if model.suffix == '.onnx':
        _keep_in_manifest(model, found)


def _append_to_log(model: Path, found: SplitReport) -> None:
    result = found.scores
    entry = {
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'model': model.name,
        'sha256': sha256_of(model),
        'split': result.split,
        'accuracy': share_document(result.accuracy),
        'twin_free_accuracy': share_document(result.twin_free),
        **found.extras(),
    }
    log = model.parent / LOG_NAME
    earlier = log.read_text(encoding='utf-8').splitlines() if log.is_file() else []
    write_text(log, '\n'.join([*earlier, json.dumps(entry)]) + '\n')


def _keep_in_manifest(model: Path, found: SplitReport) -> None:
    """Adds the evaluation to the scores of the model's manifest and leaves all else as it is."""
    path = manifest_path_for(model)
    document = json.loads(path.read_text(encoding='utf-8'))
    # An export starts the scores anew, so an earlier evaluation here is always of the same sha256.
    earlier = document['scores'].get(found.scores.split, {})
    extras = {key: earlier[key] for key in _EXTRAS if key in earlier}
    kept = found.scores.document() | extras | found.extras()
    del kept['confusion']
    document['scores'][found.scores.split] = kept
    write_json(path, document)
