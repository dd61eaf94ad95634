"""Keeps the results of all parts and puts them together."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from benchmarks.errors import BenchmarkError
from benchmarks.parts import PARTS
from benchmarks.plots import draw
from benchmarks.schema import Bar, PartResult, Table, from_json, to_json
from benchmarks.tables import as_markdown, as_text, bars_table


def save(result: PartResult, folder: Path) -> None:
    """Writes a part's result to `<part>.json`.

    Raises:
        BenchmarkError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(to_json(result), indent=1)
        (folder / f'{result.part}.json').write_text(text + '\n', encoding='utf-8')
    except OSError as error:
        raise BenchmarkError(
            f'{folder} cannot be written ({error.strerror}): choose another folder with --out.'
        ) from error


def read(folder: Path) -> list[PartResult]:
    """All results that are there, in the order of the parts.

    Raises:
        BenchmarkError: A file is damaged.
    """
    paths = [folder / f'{name}.json' for name in PARTS]
    return [_read_one(path) for path in paths if path.is_file()]


def write(results: Sequence[PartResult], folder: Path) -> list[Path]:
    """Writes `report.md` and the plots; returns the files.

    Raises:
        BenchmarkError: They cannot be written, or matplotlib is missing.
    """
    path = folder / 'report.md'
    path.write_text(as_report(results), encoding='utf-8')
    return [path, *draw([plot for r in results for plot in r.findings.plots], folder)]


def as_report(results: Sequence[PartResult]) -> str:
    """All tables as Markdown, the bars first."""
    blocks = ['# Benchmarks', *as_blocks(results)]
    return '\n\n'.join(blocks) + '\n'


def as_blocks(results: Sequence[PartResult], image_path: str = '') -> list[str]:
    """The report without its title: bars, conditions, and a section for each part.

    Args:
        results: In the order of the sections.
        image_path: How a plot's name becomes the path of its file, for example 'images/{}.png';
            empty shows no images.
    """
    blocks = ['## Bars', as_markdown(_bars_of(results)).split('\n', 2)[2]]
    blocks += ['## Conditions', *(as_markdown(table) for table in _conditions(results))]
    for result in results:
        blocks += [f'## {_heading(result)}', _when(result)]
        blocks += [as_markdown(table) for table in result.findings.tables]
        if image_path:
            plots = [plot for plot in result.findings.plots if any(plot.series.values())]
            blocks += [f'![{plot.title}]({image_path.format(plot.name)})' for plot in plots]
    return blocks


def print_part(result: PartResult, stream: TextIO) -> None:
    """Prints a part's tables."""
    print(f'\n== {_heading(result)}\n{_when(result)}', file=stream)
    for table in result.findings.tables:
        print(f'\n{as_text(table)}', file=stream)


def print_bars(results: Sequence[PartResult], stream: TextIO) -> None:
    """Prints the conditions and one table of every bar."""
    for table in [*_conditions(results), _bars_of(results)]:
        print(f'\n{as_text(table)}', file=stream)


def _bars_of(results: Sequence[PartResult]) -> Table:
    bars: list[Bar] = [bar for result in results for bar in result.findings.bars]
    return bars_table(bars)


def _heading(result: PartResult) -> str:
    summary = PARTS[result.part].summary
    return summary[0].upper() + summary[1:]


def _when(result: PartResult) -> str:
    text = f'Part `{result.part}`, {result.started}, {result.seconds:.0f} s'
    if result.others is None:
        return f'{text}.'
    return f'{text}; other programs kept {result.others:.2f} cores busy meanwhile.'


def _conditions(results: Sequence[PartResult]) -> list[Table]:
    """One table for each set of parts that ran under the same conditions."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for result in results:
        groups.setdefault(tuple(result.conditions.items()), []).append(result.part)
    return [
        Table(f'Conditions of {", ".join(parts)}', ('what', 'value'), conditions)
        for conditions, parts in groups.items()
    ]


def _read_one(path: Path) -> PartResult:
    try:
        values: Mapping[str, object] = json.loads(path.read_text(encoding='utf-8'))
        return from_json(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(
            f'{path} is damaged or from another version: delete it and run its part again.'
        ) from error
