"""Tables as text for the terminal and as Markdown for the report."""

import math
from collections.abc import Sequence

from benchmarks.schema import Bar, Cell, Table

_NOT_MEASURED = '-'


def as_text(table: Table) -> str:
    """A table with aligned columns, its title above and its note below."""
    rows = [[format_cell(cell) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    numeric = [_is_numeric(column) for column in zip(*table.rows, strict=True)]
    numeric = numeric or [False] * len(widths)
    lines = [_line(table.columns, widths, numeric), '  '.join('-' * width for width in widths)]
    lines += [_line(row, widths, numeric) for row in rows]
    return '\n'.join([table.title, *lines, *([table.note] if table.note else [])])


def as_markdown(table: Table) -> str:
    """A table as GitHub's Markdown, its title in bold above and its note below."""
    numeric = [_is_numeric(column) for column in zip(*table.rows, strict=True)]
    rules = [
        '---:' if is_number else '---' for is_number in numeric or [False] * len(table.columns)
    ]
    rows = [[format_cell(cell) for cell in row] for row in table.rows]
    lines = [f'| {" | ".join(cells)} |' for cells in [table.columns, rules, *rows]]
    note = ['', table.note] if table.note else []
    return '\n'.join([f'**{table.title}**', '', *lines, *note])


def bars_table(bars: Sequence[Bar]) -> Table:
    """Every bar with its limit, its value and whether it holds."""
    return Table(
        'Bars',
        ('bar', 'limit', 'measured', 'of the limit', 'holds', 'detail'),
        tuple(_bar_row(bar) for bar in bars),
    )


def format_cell(cell: Cell) -> str:
    """Three or four significant digits for a measured number."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return _NOT_MEASURED
    if not isinstance(cell, float):
        return str(cell)
    if cell == 0 or abs(cell) >= 1000:
        return f'{cell:.0f}'
    digits = 2 - math.floor(math.log10(abs(cell)))
    return f'{cell:.{min(max(digits, 1 if abs(cell) < 1000 else 0), 4)}f}'


def _bar_row(bar: Bar) -> tuple[Cell, ...]:
    holds = {True: 'holds', False: 'does not hold', None: 'not measured'}[bar.holds]
    unit = f' {bar.unit}' if bar.unit else ''
    sign = '>=' if bar.at_least else '<='
    measured = (
        _NOT_MEASURED if bar.measured is None else f'{format_cell(float(bar.measured))}{unit}'
    )
    used = _NOT_MEASURED if bar.ratio is None else f'{bar.ratio:.2f}'
    return bar.name, f'{sign} {bar.limit:.3g}{unit}', measured, used, holds, bar.detail


def _is_numeric(cells: Sequence[Cell]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(isinstance(cell, int | float) for cell in known)


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if is_number else cell.ljust(width)
        for cell, width, is_number in zip(cells, widths, numeric, strict=True)
    )
    return '  '.join(padded).rstrip()
