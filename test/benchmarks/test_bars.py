"""Bars, tables and their way through JSON."""

import json

import pytest

from benchmarks.schema import Bar, Findings, PartResult, Plot, Table, from_json, to_json
from benchmarks.tables import as_markdown, as_text, bars_table, format_cell


@pytest.mark.parametrize(
    ('measured', 'at_least', 'holds', 'ratio'),
    [
        (0.5, False, True, 0.5),
        (1.0, False, True, 1.0),
        (1.5, False, False, 1.5),
        (1.5, True, True, 1 / 1.5),
        (0.5, True, False, 2.0),
        (0.0, True, False, float('inf')),
        (None, True, None, None),
    ],
)
def test_a_bar_knows_whether_it_holds(measured, at_least, holds, ratio):
    bar = Bar('name', measured, 1.0, at_least=at_least)

    assert bar.holds is holds
    assert bar.ratio == (pytest.approx(ratio) if ratio is not None else None)


def test_bars_as_a_table():
    table = bars_table(
        [
            Bar('quick', 20.0, 33.0, 'ms', detail='of 100 frames'),
            Bar('fast', 2.0, 3.0, at_least=True),
            Bar('peer', None, 1.0, detail='not installed'),
        ]
    )

    assert table.rows[0] == ('quick', '<= 33 ms', '20.0 ms', '0.61', 'holds', 'of 100 frames')
    assert table.rows[1][1:5] == ('>= 3', '2.00', '1.50', 'does not hold')
    assert table.rows[2][2:5] == ('-', '-', 'not measured')


@pytest.mark.parametrize(
    ('cell', 'text'),
    [
        (None, '-'),
        (float('nan'), '-'),
        (3, '3'),
        ('name', 'name'),
        (0.0, '0'),
        (0.00123, '0.0012'),
        (0.1234, '0.123'),
        (1.2345, '1.23'),
        (12.345, '12.3'),
        (123.45, '123.5'),
        (1234.5, '1234'),
        (-1.2345, '-1.23'),
    ],
)
def test_cells_show_what_a_measurement_is_worth(cell, text):
    assert format_cell(cell) == text


def test_text_aligns_numbers_right_and_words_left():
    table = Table('Title', ('stage', 'ms'), (('detect', 10.0), ('go', None)), 'A note.')

    assert as_text(table).splitlines() == [
        'Title',
        'stage     ms',
        '------  ----',
        'detect  10.0',
        'go         -',
        'A note.',
    ]


def test_markdown():
    table = Table('Title', ('stage', 'ms'), (('detect', 10.0),), 'A note.')

    assert as_markdown(table).splitlines() == [
        '**Title**',
        '',
        '| stage | ms |',
        '| --- | ---: |',
        '| detect | 10.0 |',
        '',
        'A note.',
    ]


def test_a_table_without_rows_is_still_a_table():
    table = Table('Title', ('a', 'b'), ())

    assert as_text(table).splitlines() == ['Title', 'a  b', '-  -']
    assert as_markdown(table).splitlines()[2:] == ['| a | b |', '| --- | --- |']


def test_results_survive_json():
    result = PartResult(
        part='limit',
        findings=Findings(
            (Table('t', ('a', 'b'), ((1, None), ('x', 2.5)), 'note'),),
            (Bar('b', None, 1.0, 'ms', True, 'why'), Bar('c', 2.0, 1.0)),
            (Plot('p', 'P', 'x', 'y', {'s': [(1, 2.0), (2, 3.0)]}, 'bars', True),),
        ),
        seconds=1.5,
        started='2025-01-01T00:00:00+00:00',
        conditions={'CPU': 'c'},
        others=0.25,
    )

    assert from_json(json.loads(json.dumps(to_json(result)))) == result
