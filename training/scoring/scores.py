"""Everything measured on one split, and the same as plain JSON values."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotion_perception.labels import EMOTION_NAMES, FER2013, FERPLUS, NUM_EMOTIONS
from training.dataset import ferplus
from training.dataset.data import Split, occur_in
from training.scoring import metrics, paired, predict, ranking, scenes
from training.scoring.ferplus_scores import FerPlusScores


@dataclass(frozen=True)
class SplitScores:
    """Everything measured on one split.

    Attributes:
        split: Name of the split.
        accuracy: On all rows.
        twin_free: On the rows without an identical image in Training.
        nll: Loss in nats, uncalibrated.
        calibrated_nll: The same after the temperature.
        temperature: Divisor of the logits, fitted on PublicTest.
        before: Reliability of the plain softmax.
        after: Reliability after the temperature.
        confusion: int64 `[7, 7]`, rows are true labels.
        aucs: One-vs-rest AUC of each class in FER-2013 order; NaN for a class without rows.
        reject: Accuracy against coverage, by calibrated confidence.
    """

    split: str
    accuracy: metrics.Share
    twin_free: metrics.Share
    nll: float
    calibrated_nll: float
    temperature: float
    before: metrics.Reliability
    after: metrics.Reliability
    confusion: metrics.Ints
    aucs: tuple[float, ...]
    reject: ranking.RejectCurve

    @property
    def classes(self) -> list[metrics.ClassScore]:
        """Precision, recall, F1 and support in FER-2013 order."""
        return metrics.class_scores(self.confusion)

    def document(self) -> dict[str, Any]:
        """The scores as plain JSON values."""
        return {
            'accuracy': share_document(self.accuracy),
            'twin_free_accuracy': share_document(self.twin_free),
            'macro_f1': round(metrics.macro_f1(self.classes), 4),
            'nll': round(self.nll, 4),
            'ece': round(self.before.ece, 4),
            'temperature': round(self.temperature, 4),
            'calibrated_nll': round(self.calibrated_nll, 4),
            'calibrated_ece': round(self.after.ece, 4),
            'macro_auc': rounded(ranking.mean_auc(self.aucs)),
            'classes': {
                name: {
                    **{key: round(value, 4) for key, value in dataclasses.asdict(score).items()},
                    'auc': rounded(area),
                }
                for name, score, area in zip(EMOTION_NAMES, self.classes, self.aucs, strict=True)
            },
            'confusion': self.confusion.tolist(),
        }


@dataclass(frozen=True)
class SplitReport:
    """One split with everything that was asked for.

    Attributes:
        split: Its rows.
        logits: float64 `[n, 7]`.
        scores: The headline figures.
        ferplus: On FER+ labels, or None.
        ten_crop: First single crop, then ten-crop, on the same rows, or None.
        pipeline: Through the runtime's pipeline, or None.
    """

    split: Split
    logits: predict.Logits
    scores: SplitScores
    ferplus: FerPlusScores | None = None
    ten_crop: paired.Comparison | None = None
    pipeline: scenes.PipelineScores | None = None

    def document(self) -> dict[str, Any]:
        """The scores and what was asked for as plain JSON values."""
        points = [self.scores.reject.at(tenths / 10) for tenths in range(10, 0, -1)]
        document = self.scores.document()
        document['reject_curve'] = [
            {name: round(value, 4) for name, value in point._asdict().items()} for point in points
        ]
        return document | self.extras()

    def extras(self) -> dict[str, Any]:
        """Only what was asked for beside the headline figures."""
        document: dict[str, Any] = {}
        if self.ferplus is not None:
            document['ferplus'] = ferplus_document(self.ferplus)
        if self.ten_crop is not None:
            document['ten_crop_not_the_headline'] = _comparison_document(
                self.ten_crop, 'single_crop', 'ten_crop'
            )
        if self.pipeline is not None:
            document['pipeline'] = _pipeline_document(self.pipeline)
        return document


def rounded(value: float) -> float | None:
    """Four digits; None, which JSON knows, for NaN, which it does not."""
    return None if math.isnan(value) else round(value, 4)


def share_document(share: metrics.Share) -> dict[str, Any]:
    """A share as plain JSON values."""
    return {
        'value': rounded(share.value),
        'n': share.count,
        'interval95': [rounded(bound) for bound in share.interval],
    }


def ferplus_document(scores: FerPlusScores) -> dict[str, Any]:
    """Scores on the FER+ labels as plain JSON values."""
    document: dict[str, Any] = {
        'accuracy_contempt_counted_wrong': share_document(scores.accuracy),
        'accuracy_without_contempt_rows': share_document(scores.without_contempt),
        'support': dict(zip(ferplus.CLASSES, scores.support.tolist(), strict=True)),
        'hits': dict(zip(ferplus.CLASSES, scores.hits.tolist(), strict=True)),
        'dropped': {
            'no_majority': scores.unclear,
            'unknown': scores.unknown,
            'not_a_face': scores.no_face,
        },
        'answer': FERPLUS if scores.taught else FER2013,
        'temperature': round(scores.temperature, 4),
        'calibrated_ece': None if scores.ece is None else rounded(scores.ece),
    }
    if scores.crossed is not None:
        document['usual_answer_accuracy'] = share_document(scores.crossed.usual)
        document['original_labels_accuracy'] = share_document(scores.crossed.original)
    return document


def _comparison_document(comparison: paired.Comparison, first: str, second: str) -> dict[str, Any]:
    return {
        first: share_document(comparison.first),
        second: share_document(comparison.second),
        f'only_{first}_right': comparison.only_first,
        f'only_{second}_right': comparison.only_second,
        'gain': rounded(comparison.gain),
        'gain_interval95': [rounded(bound) for bound in comparison.interval],
        'mcnemar_p': float(f'{comparison.p_value:.3g}'),
    }


def _pipeline_document(scores: scenes.PipelineScores) -> dict[str, Any]:
    compared = _comparison_document(scores.compared, 'direct', 'pipeline')
    del compared['gain'], compared['gain_interval95']
    return {
        'found': share_document(scores.found),
        **compared,
        'drop': rounded(scores.drop),
        'drop_interval95': [rounded(bound) for bound in scores.drop_interval],
        'accuracy_missed_faces_counted_wrong': share_document(scores.overall),
        'setting': scenes.setting(),
    }


def score(split: Split, training: Split, logits: predict.Logits, temperature: float) -> SplitScores:
    """Computes all scores of one split from its logits.

    Args:
        split: The rows that were classified.
        training: Training split, to find twins in.
        logits: float64 `[n, 7]`.
        temperature: Fitted on PublicTest.
    """
    alone = ~occur_in(split.images, training.images)
    probabilities = np.exp(metrics.log_softmax(logits / temperature))
    return SplitScores(
        split=split.name,
        accuracy=metrics.accuracy(logits, split.labels),
        twin_free=metrics.accuracy(logits[alone], split.labels[alone]),
        nll=metrics.nll(logits, split.labels),
        calibrated_nll=metrics.nll(logits, split.labels, temperature),
        temperature=temperature,
        before=metrics.reliability(logits, split.labels),
        after=metrics.reliability(logits, split.labels, temperature),
        confusion=metrics.confusion(logits.argmax(axis=1), split.labels, NUM_EMOTIONS),
        aucs=ranking.class_aucs(probabilities, split.labels),
        reject=ranking.reject_curve(
            probabilities.max(axis=1), logits.argmax(axis=1) == split.labels
        ),
    )
