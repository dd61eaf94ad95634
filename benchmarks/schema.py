"""What a benchmark finds: tables, bars and plots, as plain values that go to JSON and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        title: What it shows, with the conditions.
        columns: Headings, with units.
        rows: As many cells as there are columns; None stands for what was not measured.
        note: What a reader has to know to read it; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ''


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar that the project set itself.

    Attributes:
        name: What is asked for.
        measured: The value; None when it could not be measured.
        limit: The value asked for, in the same unit.
        unit: Unit of both; empty for a ratio.
        at_least: Whether larger is better.
        detail: The figures behind the value, or why it was not measured.
    """

    name: str
    measured: float | None
    limit: float
    unit: str = ''
    at_least: bool = False
    detail: str = ''

    @property
    def holds(self) -> bool | None:
        """Whether the bar is met; None when it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def ratio(self) -> float | None:
        """Share of the limit that is used, 1 or less when the bar holds; None when not measured."""
        if self.measured is None:
            return None
        over, under = (self.limit, self.measured) if self.at_least else (self.measured, self.limit)
        if not under:
            return float('inf') if over else 0.0
        return over / under


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart.

    Attributes:
        name: File name without its ending.
        title: Title.
        x_label: Label of the x axis, with unit.
        y_label: Label of the y axis, with unit.
        series: Points (x, y) by name; a bar chart has names as x.
        kind: 'lines', 'steps', 'bars' or 'stack' (bars on top of each other).
        log_x: Whether the x axis is logarithmic to the base of 2.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Sequence[tuple[Any, float]]]
    kind: str = 'lines'
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What one part of the suite found."""

    tables: tuple[Table, ...] = ()
    bars: tuple[Bar, ...] = ()
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True, slots=True)
class PartResult:
    """A part's findings and the conditions of its run.

    Attributes:
        part: Name of the part.
        findings: What it found.
        seconds: How long it ran.
        started: Local time at which it began, ISO 8601.
        conditions: CPU, versions, threads and commit, see `machine.describe`.
        others: CPU cores that other programs kept busy meanwhile, 0 on a quiet machine; None where
            the system does not say.
    """

    part: str
    findings: Findings
    seconds: float
    started: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    others: float | None = None


def to_json(result: PartResult) -> dict[str, Any]:
    """A part's result as JSON values."""
    return asdict(result)


def from_json(values: Mapping[str, Any]) -> PartResult:
    """The inverse of `to_json`.

    Raises:
        KeyError: A key is missing.
        TypeError: A key is unknown.
    """
    found = values['findings']
    findings = Findings(
        tables=tuple(
            Table(
                table['title'],
                tuple(table['columns']),
                tuple(tuple(row) for row in table['rows']),
                table['note'],
            )
            for table in found['tables']
        ),
        bars=tuple(Bar(**bar) for bar in found['bars']),
        plots=tuple(
            Plot(**{**plot, 'series': {k: _points(v) for k, v in plot['series'].items()}})
            for plot in found['plots']
        ),
    )
    return PartResult(**{**values, 'findings': findings})


def _points(pairs: Sequence[Sequence[Any]]) -> list[tuple[Any, float]]:
    return [(x, y) for x, y in pairs]
