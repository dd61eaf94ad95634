"""Writes a comparison as one Markdown table and JSON; `figure` draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from emotion_perception.inference.manifest import sha256_of
from training.comparison.candidates import Candidate, display_name
from training.comparison.figure import Point, draw
from training.scoring import metrics, paired
from training.scoring.scores import SplitReport, rounded
from training.shipping.provenance import git_commit
from training.writing import write_json, write_text

MARKDOWN, JSON, FIGURE = 'compare.md', 'compare.json', 'compare.png'
NOTHING = '-'
_FERPLUS_NOTE = (
    'FER+: majority protocol of the FER+ code, contempt counted as wrong; by the last layer that '
    'the votes taught, where a model has one of its own for them (*).'
)


@dataclass(frozen=True)
class Row:
    """One model with all that was measured.

    Attributes:
        candidate: The model and its cost.
        name: Its name, unlike all others in the table.
        milliseconds: Median time of one face in ONNX Runtime.
        results: Scores by split.
        gains: By split: the baseline first, this model second; None for the baseline itself.
    """

    candidate: Candidate
    name: str
    milliseconds: float
    results: dict[str, SplitReport]
    gains: dict[str, paired.Comparison] | None


@dataclass(frozen=True)
class Setting:
    """Under what the comparison was made.

    Attributes:
        data: File name of the data set.
        cpu: Name of the processor.
        threads: CPU threads.
        rounds: Timed runs of each model.
    """

    data: str
    cpu: str
    threads: int
    rounds: int

    @property
    def counted_threads(self) -> str:
        """The number of threads in words."""
        return '1 thread' if self.threads == 1 else f'{self.threads} threads'


def write(out: Path, rows: Sequence[Row], setting: Setting) -> str:
    """Writes `compare.md`, `compare.json` and `compare.png` into a folder.

    Returns:
        The table as Markdown, without title and notes.
    """
    out.mkdir(parents=True, exist_ok=True)
    document = {
        'setting': {
            **asdict(setting),
            'onnxruntime': onnxruntime.__version__,
            'commit': git_commit(),
            'baseline': next(row.name for row in rows if row.gains is None),
        },
        'models': [_document(row) for row in rows],
    }
    write_json(out / JSON, document)
    split = list(rows[0].results)[-1]
    where = f'{setting.cpu}, {setting.counted_threads}'
    draw([_point(row, split) for row in rows], split, where, out / FIGURE)
    lines = table(rows)
    figure = f'![accuracy against cost]({FIGURE})'
    text = '\n\n'.join(['# Models compared', lines, _notes(rows, setting), figure])
    write_text(out / MARKDOWN, text + '\n')
    return lines


Cell = Callable[[Row], str]


def table(rows: Sequence[Row]) -> str:
    """One Markdown table, a line for each model, padded to be readable on a terminal too."""
    columns = [*_cost_columns(), *_score_columns(rows[0].results)]
    cells = [[title for title, _ in columns]]
    cells += [[cell(row) for _, cell in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    rule = ['-' * width if i < 2 else '-' * (width - 1) + ':' for i, width in enumerate(widths)]
    return '\n'.join(_line(line, widths) for line in (cells[0], rule, *cells[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Two columns of words, the others of figures."""
    padded = [
        cell.ljust(width) if index < 2 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return '| ' + ' | '.join(padded) + ' |'


def _cost_columns() -> list[tuple[str, Cell]]:
    return [
        ('model', lambda row: row.name.replace('|', '\\|')),
        ('network', lambda row: row.candidate.network.replace('|', '\\|')),
        ('weights, M', lambda row: _figure(row.candidate.cost.parameters, 1e6, 2)),
        ('mult-adds, M', lambda row: _figure(row.candidate.cost.multiply_adds, 1e6, 0)),
        ('MiB', lambda row: _figure(row.candidate.size, 2**20, 2)),
        ('ms', lambda row: f'{row.milliseconds:.2f}'),
        ('epochs', lambda row: _figure(row.candidate.effort.epochs, 1, 0)),
        ('images, M', lambda row: _figure(row.candidate.effort.images, 1e6, 2)),
        ('min', lambda row: _figure(row.candidate.effort.seconds, 60, 0)),
        ('px', lambda row: str(row.candidate.scored_at)),
    ]


def _score_columns(results: dict[str, SplitReport]) -> list[tuple[str, Cell]]:
    columns: list[tuple[str, Cell]] = []
    for split, report in results.items():
        # With one split only, its name need not be in every heading.
        mark = f'{split.removesuffix("Test")} ' if len(results) > 1 else ''
        columns += _split_columns(split, mark, report.ferplus is not None)
    return columns


def _split_columns(split: str, mark: str, with_ferplus: bool) -> list[tuple[str, Cell]]:
    columns: list[tuple[str, Cell]] = [
        (f'{split}, %', lambda row: _share(row.results[split].scores.accuracy)),
        (f'{mark}twin-free', lambda row: f'{100 * row.results[split].scores.twin_free.value:.2f}'),
        (
            f'{mark}macro-F1',
            lambda row: f'{metrics.macro_f1(row.results[split].scores.classes):.3f}',
        ),
        (f'{mark}NLL', lambda row: f'{row.results[split].scores.calibrated_nll:.3f}'),
        (f'{mark}ECE', lambda row: f'{row.results[split].scores.after.ece:.3f}'),
    ]
    if with_ferplus:
        columns.append((f'{mark}FER+, %', lambda row: _ferplus(row.results[split])))
    return [
        *columns,
        (f'{mark}gain, points', lambda row: _gain(row, split)),
        (f'{mark}p', lambda row: f'{row.gains[split].p_value:.2g}' if row.gains else NOTHING),
    ]


def _figure(value: float | None, unit: float, digits: int) -> str:
    return NOTHING if value is None else f'{value / unit:,.{digits}f}'


def _share(share: metrics.Share) -> str:
    low, high = share.interval
    return f'{100 * share.value:.2f} ({100 * low:.1f}-{100 * high:.1f})'


def _ferplus(report: SplitReport) -> str:
    if report.ferplus is None or not report.ferplus.accuracy.count:
        return NOTHING
    return _share(report.ferplus.accuracy) + (' *' if report.ferplus.taught else '')


def _gain(row: Row, split: str) -> str:
    if row.gains is None:
        return 'baseline'
    gain = row.gains[split]
    low, high = gain.interval
    return f'{100 * gain.gain:+.2f} ({100 * low:+.1f} to {100 * high:+.1f})'


def _notes(rows: Sequence[Row], setting: Setting) -> str:
    reports = rows[0].results.values()
    counts = ' and '.join(f'{len(r.split):,} rows of {r.split.name}' for r in reports)
    baseline = next(row.name for row in rows if row.gains is None)
    notes = [
        f'Single crop, no ensemble, original labels; {counts}; 95 % Wilson intervals.',
        f'Gain over {baseline}: paired bootstrap interval, 95 %; p by the exact McNemar test.',
        'Twin-free: rows without an identical image in Training. NLL (nats) and ECE '
        f'({metrics.ECE_BINS} bins) after a temperature fitted on PublicTest.',
        'Multiply-adds of one face: convolutions and matrix products; batch norm, activations, '
        'pooling and resizing are not counted.',
        "A checkpoint's file (MiB) and time are those of its fp32 ONNX export. "
        f'ms: one face, batch 1, ONNX Runtime {onnxruntime.__version__} on {setting.cpu}, '
        f'{setting.counted_threads}, median of {setting.rounds} runs, the models taking turns.',
        'px: side of the images that the model is scored on, those it was last trained on; '
        f'multiply-adds and ms are for {rows[0].candidate.side} pixels.',
        'Epochs, images and minutes are of the whole run, not only up to its best epoch; '
        f'{NOTHING} where there is no record.',
    ]
    if any(report.ferplus is not None for report in reports):
        notes.insert(3, _FERPLUS_NOTE)
    notes.append(f'Made by `{_command(rows, setting)}` at commit {git_commit() or "unknown"}.')
    return '\n'.join(f'- {note}' for note in notes)


def _command(rows: Sequence[Row], setting: Setting) -> str:
    baseline = next(row for row in rows if row.gains is None)
    words = [display_name(row.candidate.path) for row in rows]
    if baseline is not rows[0]:
        words += ['--baseline', display_name(baseline.candidate.path)]
    if len(rows[0].results) > 1:
        words.append('--final')
    if any(report.ferplus is not None for report in rows[0].results.values()):
        words += ['--ferplus', 'fer2013new.csv']
    options = f'--data {setting.data} --threads {setting.threads}'
    return f'python -m training compare {options} {" ".join(words)}'


def _document(row: Row) -> dict[str, Any]:
    one = row.candidate
    gains = row.gains or {}
    return {
        'name': row.name,
        'file': display_name(one.path),
        'sha256': sha256_of(one.path),
        'network': one.network,
        'scored_at_pixels': one.scored_at,
        'parameters': one.cost.parameters,
        'multiply_adds': one.cost.multiply_adds,
        'size_bytes': one.size,
        'milliseconds': round(row.milliseconds, 3),
        **asdict(one.effort),
        'splits': {name: report.document() for name, report in row.results.items()},
        'against_baseline': {name: _gain_document(gain) for name, gain in gains.items()} or None,
    }


def _gain_document(gain: paired.Comparison) -> dict[str, Any]:
    return {
        'gain': rounded(gain.gain),
        'gain_interval95': [rounded(bound) for bound in gain.interval],
        'mcnemar_p': float(f'{gain.p_value:.3g}'),
        'only_baseline_right': gain.only_first,
        'only_this_right': gain.only_second,
    }


def _point(row: Row, split: str) -> Point:
    return Point(
        row.name,
        row.results[split].scores.accuracy,
        row.candidate.cost.multiply_adds,
        row.milliseconds,
    )
