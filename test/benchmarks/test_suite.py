"""The command line, the report and the plots, with parts of made-up findings."""

import json
import sys
import types

import cv2
import pytest

from benchmarks import cli
from benchmarks.errors import BenchmarkError
from benchmarks.machine import Usage
from benchmarks.page import BEGIN, END
from benchmarks.parts import PARTS, Part
from benchmarks.plots import draw
from benchmarks.schema import Bar, Findings, Plot, Table

_FINDINGS = Findings(
    (Table('Numbers', ('a',), ((1.0,),)),),
    (Bar('first bar', 0.5, 1.0),),
    (Plot('numbers', 'Numbers', 'x', 'y', {'s': [(1, 1.0), (2, 4.0)]}),),
)


@pytest.fixture
def part(monkeypatch):
    """Replaces the part `limit`; returns the list of settings that it was called with."""
    calls = []

    def run(settings):
        calls.append(settings)
        return _FINDINGS

    module = types.ModuleType('made_up_part')
    module.run = run
    monkeypatch.setitem(sys.modules, 'made_up_part', module)
    monkeypatch.setattr(cli.signal, 'signal', lambda *_: None)
    monkeypatch.setitem(cli.PARTS, 'limit', Part('made_up_part', 'made up'))
    return calls


def test_a_part_is_run_saved_and_reported(part, tmp_path, capsys):
    pytest.importorskip('matplotlib')
    code = cli.main(['--parts', 'limit', '--out', str(tmp_path), '--effort', '2', '--threads', '1'])

    assert code == 0
    assert (part[0].effort, part[0].threads, part[0].repeats(10)) == (2.0, 1, 20)
    stored = json.loads((tmp_path / 'limit.json').read_text())
    assert stored['findings']['bars'][0]['name'] == 'first bar'
    assert stored['conditions']['ONNX Runtime threads'] == '1'
    assert {'CPU', 'CPU cores', 'commit', 'Python', 'numpy'} <= set(stored['conditions'])
    out = capsys.readouterr().out
    assert 'first bar' in out and 'holds' in out
    report = (tmp_path / 'report.md').read_text()
    assert '**Numbers**' in report and '## Bars' in report
    assert cv2.imread(str(tmp_path / 'numbers.png')) is not None


def test_parts_of_earlier_runs_stay_in_the_report(part, tmp_path, capsys):
    pytest.importorskip('matplotlib')
    cli.main(['--parts', 'limit', '--out', str(tmp_path)])
    text = (tmp_path / 'limit.json').read_text().replace('first bar', 'earlier bar')
    (tmp_path / 'growth.json').write_text(text.replace('"part": "limit"', '"part": "growth"'))

    assert cli.main(['--parts', 'limit', '--out', str(tmp_path)]) == 0

    report = (tmp_path / 'report.md').read_text()
    assert 'first bar' in report and 'earlier bar' in report


def test_a_damaged_result_is_told_in_one_sentence(part, tmp_path, capsys):
    (tmp_path / 'growth.json').write_text('{"part": "growth"}')

    assert cli.main(['--parts', 'limit', '--out', str(tmp_path)]) == 1

    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'growth.json is damaged' in error


def test_a_part_that_cannot_run_does_not_stop_the_others(part, tmp_path, capsys, monkeypatch):
    pytest.importorskip('matplotlib')

    def fail(settings):
        raise BenchmarkError('It cannot run: do something.')

    module = types.ModuleType('failing_part')
    module.run = fail
    monkeypatch.setitem(sys.modules, 'failing_part', module)
    monkeypatch.setitem(cli.PARTS, 'growth', Part('failing_part', 'fails'))

    assert cli.main(['--parts', 'growth', 'limit', '--out', str(tmp_path)]) == 1

    captured = capsys.readouterr()
    assert 'error: growth: It cannot run: do something.' in captured.err
    assert 'first bar' in captured.out


def test_a_missing_package_is_told_in_one_sentence():
    with pytest.raises(BenchmarkError, match='no_such_package is not installed'):
        Part('no_such_package', '').load()


@pytest.mark.parametrize(
    'arguments',
    [['--effort', '0'], ['--effort', 'nan'], ['--minutes', '-1'], ['--threads', '-1'],
     ['--threads', 'x'], ['--parts', 'nothing']],
)  # fmt: skip
def test_wrong_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        cli.main(arguments)

    assert error.value.code == 2
    assert 'Traceback' not in capsys.readouterr().err


def test_every_part_has_a_module_of_its_own():
    assert len({part.module for part in PARTS.values()}) == len(PARTS)
    for part in PARTS.values():
        if not part.module.startswith('benchmarks.live') or 'rclpy' in sys.modules:
            assert callable(part.load())


def test_every_kind_of_plot(tmp_path):
    pytest.importorskip('matplotlib')
    plots = [
        Plot('lines', 'L', 'x', 'y', {'a': [(1, 1.0), (8, 2.0)], 'b': [(1, 3.0)]}, log_x=True),
        Plot('steps', 'S', 'x', 'y', {'a': [(0.5, 0.0), (0.7, 1.0)]}, 'steps'),
        Plot('bars', 'B', 'x', 'y', {'a': [('one', 1.0)], 'b': [('one', 2.0)]}, 'bars'),
        Plot(
            'stack',
            'T',
            'x',
            'y',
            {'a': [('one', 1.0), ('two', 2.0)], 'b': [('two', 2.0)]},
            'stack',
        ),
        Plot('nothing', 'N', 'x', 'y', {'a': []}),
    ]

    paths = draw(plots, tmp_path / 'new')

    assert [path.name for path in paths] == ['lines.png', 'steps.png', 'bars.png', 'stack.png']
    assert all(cv2.imread(str(path)).shape == (360, 630, 3) for path in paths)


def test_a_page_keeps_its_text_and_gets_new_figures(part, tmp_path):
    pytest.importorskip('matplotlib')
    page = tmp_path / 'docs' / 'page.md'
    page.parent.mkdir()
    page.write_text(f'Before.\n\n{BEGIN}\nold figures\n{END}\n\nAfter.\n')
    arguments = ['--parts', 'limit', '--out', str(tmp_path / 'out'), '--page', str(page)]

    assert cli.main(arguments) == 0
    first = page.read_text()
    assert cli.main(arguments) == 0

    assert first.startswith('Before.\n') and first.endswith('After.\n')
    assert 'first bar' in first and 'old figures' not in first
    image = page.parent / 'images' / 'benchmarks' / 'numbers.png'
    assert '![Numbers](images/benchmarks/numbers.png)' in first and image.is_file()
    assert page.read_text().count(BEGIN) == page.read_text().count(END) == 1


@pytest.mark.parametrize('text', [None, 'no marks', END + BEGIN])
def test_a_page_without_a_place_is_told_in_one_sentence(part, tmp_path, capsys, text):
    pytest.importorskip('matplotlib')
    page = tmp_path / 'page.md'
    if text is not None:
        page.write_text(text)

    assert cli.main(['--parts', 'limit', '--out', str(tmp_path), '--page', str(page)]) == 1
    assert capsys.readouterr().err.count('\n') == 1


def test_others_are_what_is_busy_beside_this_process():
    start = Usage(wall=10.0, everyone=100.0, own=5.0)

    assert Usage(20.0, 120.0, 20.0).others_since(start) == pytest.approx(0.5)
    assert Usage(20.0, 105.0, 11.0).others_since(start) == 0.0
    assert Usage(20.0, None, 11.0).others_since(start) is None
    assert Usage(10.0, 105.0, 6.0).others_since(start) is None
    assert Usage.now().own > 0
