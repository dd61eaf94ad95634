"""Writes the scores as Markdown, JSON and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotion_perception.labels import EMOTION_NAMES
from training.dataset import ferplus
from training.scoring import (
    darkness_report,
    figures,
    metrics,
    paired,
    portraits_report,
    ranking,
    scenes,
    tencrop,
)
from training.scoring.darkness import DarkScores
from training.scoring.ferplus_scores import FerPlusScores
from training.scoring.portraits import PortraitScores
from training.scoring.runtime import DETECTOR
from training.scoring.scores import SplitReport, SplitScores
from training.writing import write_json, write_text

_PREDICTED_BY = {
    False: 'the same last layer as on the original labels',
    True: 'the last layer of its own that the votes taught',
}
_COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5, 0.3)


def write(
    out: Path,
    model: Path,
    results: Sequence[SplitReport],
    dark: Sequence[DarkScores] = (),
    people: Sequence[PortraitScores] = (),
) -> None:
    """Writes `report.md`, `scores.json` and the figures of each split into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {
        'model': model.name,
        'splits': {result.scores.split: result.document() for result in results},
    }
    if dark:
        document['dark'] = [scored.document() for scored in dark]
    if people:
        document['portraits'] = {scored.label_set: scored.document() for scored in people}
    write_json(out / 'scores.json', document)
    for result in results:
        figures.draw_all(result, out)
    overview = _overview([result.scores for result in results])
    parts = [f'# Scores of {model.name}', overview, *(_section(result) for result in results)]
    if dark:
        parts.append(darkness_report.section(dark, results[0].scores.split))
    if people:
        parts.append(portraits_report.section(people))
    write_text(out / 'report.md', '\n\n'.join(parts) + '\n')


def percent(share: metrics.Share) -> str:
    """A share as text with its 95 % interval and sample size."""
    if not share.count:
        return 'none (n = 0)'
    low, high = share.interval
    return f'{share.value:.2%} ({low:.2%} to {high:.2%}, n = {share.count:,})'


def points(value: float, interval: tuple[float, float]) -> str:
    """A difference of shares in percentage points with its 95 % interval."""
    if math.isnan(value):
        return 'not measurable'
    low, high = interval
    return f'{100 * value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})'


def summary(result: SplitReport) -> str:
    """The console's lines for one split: the headline, then what was asked for beside it."""
    scores = result.scores
    lines = [
        f'{scores.split}: accuracy {percent(scores.accuracy)}, without twins '
        f'{percent(scores.twin_free)}, macro-F1 {metrics.macro_f1(scores.classes):.3f}, '
        f'mean AUC {ranking.mean_auc(scores.aucs):.3f}, '
        f'ECE {scores.before.ece:.3f} -> {scores.after.ece:.3f} '
        f'at temperature {scores.temperature:.3f}'
    ]
    if result.ferplus is not None:
        lines.append(
            f'  FER+ labels{_whose(result.ferplus)}: {percent(result.ferplus.accuracy)}, '
            f'without contempt rows {percent(result.ferplus.without_contempt)}'
            f'{_calibration(result.ferplus)}'
        )
        lines += [f'  {line}' for line in _crossed(result.ferplus)]
    if result.ten_crop is not None:
        lines.append(
            f'  ten-crop (not the headline figure): {percent(result.ten_crop.second)}, against '
            f'single crop {points(result.ten_crop.gain, result.ten_crop.interval)}'
        )
    if result.pipeline is not None:
        through = result.pipeline
        lines.append(
            f'  through the pipeline: faces found {percent(through.found)}; on these '
            f'{percent(through.compared.second)}, direct {percent(through.compared.first)}, '
            f'drop {points(through.drop, through.drop_interval)}'
        )
    return '\n'.join(lines)


def _overview(results: Sequence[SplitScores]) -> str:
    rows = ['| | ' + ' | '.join(r.split for r in results) + ' |', '|---|' + '---|' * len(results)]

    def row(name: str, cells: list[str]) -> None:
        rows.append(f'| {name} | ' + ' | '.join(cells) + ' |')

    row('accuracy (95 % interval)', [percent(r.accuracy) for r in results])
    row('accuracy on rows without a twin in Training', [percent(r.twin_free) for r in results])
    row('macro-F1', [f'{metrics.macro_f1(r.classes):.3f}' for r in results])
    row('mean AUC of the classes', [f'{ranking.mean_auc(r.aucs):.3f}' for r in results])
    row('NLL, plain', [f'{r.nll:.3f}' for r in results])
    row('NLL, calibrated', [f'{r.calibrated_nll:.3f}' for r in results])
    row('ECE, plain', [f'{r.before.ece:.3f}' for r in results])
    row('ECE, calibrated', [f'{r.after.ece:.3f}' for r in results])
    note = (
        f'Single crop, no ensemble. Temperature {results[0].temperature:.3f}, fitted on '
        'PublicTest (so the calibrated figures there are in-sample). ECE with '
        f'{metrics.ECE_BINS} bins of equal width; Wilson intervals.'
    )
    return '\n'.join(rows) + '\n\n' + note


def _section(result: SplitReport) -> str:
    name = result.scores.split
    parts = [
        f'## {name}',
        _class_table(result.scores),
        f'![confusion](confusion-{name}.png)\n![reliability](reliability-{name}.png)\n'
        f'![ROC](roc-{name}.png)',
        _reject_text(result.scores),
    ]
    if result.ferplus is not None:
        parts.append(_ferplus_text(result.ferplus))
    if result.pipeline is not None:
        parts.append(_pipeline_text(result.pipeline))
    if result.ten_crop is not None:
        parts.append(_ten_crop_text(result.ten_crop))
    return '\n\n'.join([*parts, _gallery_text(name)])


def _class_table(result: SplitScores) -> str:
    rows = ['| class | precision | recall | F1 | AUC | images |', '|---|---|---|---|---|---|']
    rows += [
        f'| {name} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} | {area:.3f} | {s.support} |'
        for name, s, area in zip(EMOTION_NAMES, result.classes, result.aucs, strict=True)
    ]
    note = 'AUC: each class against the rest, by calibrated probability.'
    return '\n'.join([*rows, '', note])


def _reject_text(result: SplitScores) -> str:
    rows = ['| coverage | accuracy | least confidence |', '|---|---|---|']
    for coverage in _COVERAGES:
        point = result.reject.at(coverage)
        rows.append(f'| {point.coverage:.1%} | {point.accuracy:.2%} | {point.threshold:.3f} |')
    return '\n'.join(
        [
            '### Predicting only when sure',
            '',
            'Accuracy when only the images with the highest calibrated confidence are counted:',
            '',
            *rows,
            '',
            f'![reject curve](reject-{result.split}.png)',
        ]
    )


def _whose(scores: FerPlusScores) -> str:
    return ' (by the last layer that the votes taught)' if scores.taught else ''


def _calibration(scores: FerPlusScores) -> str:
    if scores.ece is None:
        return ''
    return f', ECE {scores.ece:.3f} at temperature {scores.temperature:.3f}'


def _crossed(scores: FerPlusScores) -> list[str]:
    if scores.crossed is None:
        return []
    return [
        f'the usual last layer on FER+ labels: {percent(scores.crossed.usual)}',
        f'the last layer of the votes on original labels: {percent(scores.crossed.original)}',
    ]


def _ferplus_text(scores: FerPlusScores) -> str:
    rows = ['| FER+ class | rows | right |', '|---|---|---|']
    for name, support, hits in zip(ferplus.CLASSES, scores.support, scores.hits, strict=True):
        share = f'{hits / support:.1%}' if support else '-'
        rows.append(f'| {name} | {support} | {share} |')
    return '\n'.join(
        [
            '### On FER+ labels',
            '',
            f'- all eight classes, the FER+ figure: **{percent(scores.accuracy)}**',
            f'- without the contempt rows: {percent(scores.without_contempt)}'
            f'{_calibration(scores)}',
            f'- predicted by {_PREDICTED_BY[scores.taught]}',
            *(f'- {line}' for line in _crossed(scores)),
            '',
            "Protocol of the FER+ code's majority mode: single votes are zeroed; the largest count "
            f'must exceed half of what remains, else the row is dropped ({scores.unclear} rows); '
            f'rows whose majority says unknown ({scores.unknown}) or not a face '
            f'({scores.no_face}) are dropped. The network knows the seven classes of FER-2013, so '
            f'in the first figure each of the {scores.contempt} contempt rows counts as wrong; '
            'the second leaves them out.',
            '',
            *rows,
        ]
    )


def _pipeline_text(scores: scenes.PipelineScores) -> str:
    low, high = scenes.ENLARGEMENTS
    compared = scores.compared
    return '\n'.join(
        [
            '### Through the pipeline',
            '',
            f'- faces found: {percent(scores.found)}',
            f'- accuracy on the faces found, through the pipeline: {percent(compared.second)}',
            f'- direct accuracy on the same rows: {percent(compared.first)}',
            f'- **drop: {points(scores.drop, scores.drop_interval)}**; right only directly '
            f'{compared.only_first}, only through the pipeline {compared.only_second} '
            f"(McNemar's exact p = {compared.p_value:.2g})",
            f'- with missed faces as wrong predictions: {percent(scores.overall)}',
            '',
            f'Each image is enlarged {low:g} to {high:g} times (bicubic), put at a random place '
            f'of a plain {scenes.WIDTH}x{scenes.HEIGHT} scene of its mean grey (seeded by its row '
            'number), '
            f'found by {DETECTOR}, aligned by the framing of the manifest and classified by '
            'the same ONNX file. Paired bootstrap interval '
            f'({paired.RESAMPLES:,} resamples, seed {paired.SEED}).',
        ]
    )


def _ten_crop_text(compared: paired.Comparison) -> str:
    return '\n'.join(
        [
            '### Ten-crop (not the headline figure)',
            '',
            f'- ten-crop: {percent(compared.second)}',
            f'- single crop on the same rows: {percent(compared.first)}',
            f'- gain: {points(compared.gain, compared.interval)}',
            '',
            f'Mean probability of the four corner and the centre crops of {tencrop.CROP} pixels '
            'and their mirror images: ten times the work of the runtime, which looks once. Given '
            'only to compare with papers that do so.',
        ]
    )


def _gallery_text(split: str) -> str:
    links = [f'![{emotion}]({figures.gallery_name(split, emotion)})' for emotion in EMOTION_NAMES]
    return '\n'.join(
        [
            '### Images called right and wrong',
            '',
            'Of each label, evenly from the most to the least confident prediction; under each '
            'image the prediction and its calibrated probability.',
            '',
            *links,
        ]
    )
