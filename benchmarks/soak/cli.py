"""Command line of the soak."""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.errors import BenchmarkError
from benchmarks.report import save
from benchmarks.schema import Findings, PartResult, Table
from benchmarks.soak.report import findings
from benchmarks.soak.runner import Soak
from benchmarks.tables import as_text, bars_table
from emotion_perception.settings.setting import Setting, add_settings

_EXIT_OK, _EXIT_ERROR = 0, 1
_LOG = 'soak.log'


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak and prints the report.

    Returns:
        0 when every verdict holds, 1 when one does not or the soak could not run.
    """
    options = _parser().parse_args(arguments)
    # Ended from outside, it still ends the processes that it started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / _LOG).unlink(missing_ok=True)
        result = _run(options)
        save(result, options.out)
    except BenchmarkError as error:
        print(f'error: {error}', file=sys.stderr)
        return _EXIT_ERROR
    except OSError as error:
        print(f'error: {error.filename}: {error.strerror}; choose --out.', file=sys.stderr)
        return _EXIT_ERROR
    except KeyboardInterrupt:
        print('error: The soak was interrupted: it has no result.', file=sys.stderr)
        return _EXIT_ERROR
    return _EXIT_OK if _print(result, options.out) else _EXIT_ERROR


def _run(options: argparse.Namespace) -> PartResult:
    soak = Soak(options.out / _LOG, options.threads)

    def run() -> Findings:
        with soak:
            found = soak.run(60 * options.minutes)
        return findings(found, options.memory, options.handles)

    # Without the time that the nodes took to start.
    return replace(machine.observe('soak', options.threads, run), seconds=soak.found.seconds)


def _print(result: PartResult, folder: Path) -> bool:
    """Prints the report; returns whether every verdict holds."""
    conditions = Table('Conditions', ('what', 'value'), tuple(result.conditions.items()))
    verdicts = replace(bars_table(result.findings.bars), title='Verdicts')
    for table in (conditions, *result.findings.tables, verdicts):
        print(f'{as_text(table)}\n')
    if result.others is not None:
        print(f'Other programs kept {result.others:.2f} CPU cores busy meanwhile.')
    broken = [bar.name for bar in result.findings.bars if not bar.holds]
    print(f'Figures in {folder / "soak.json"}, what the nodes said in {folder / _LOG}.')
    print(f'Soak of {result.seconds:.0f} s: {"FAILED: " + "; ".join(broken) if broken else "OK"}')
    return not broken


_SETTINGS = (
    Setting('minutes', 10.0, 'length in minutes', 0.01, 100_000),
    Setting('threads', 0, 'CPU threads of the networks; 0 is automatic', 0, 4096),
    Setting(
        'memory',
        20.0,
        'MB that a process may grow by after its warm-up, in memory of its own',
        0.1,
        1e6,
    ),
    Setting('handles', 16, 'file handles and threads that a process may grow by', 0, 1_000_000),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.soak',
        description='Runs the three nodes on the demo clip in a loop, makes faults on purpose, and '
        'accounts for every frame, for memory, handles and threads.',
    )
    parser.add_argument(
        '--out', type=Path, default=Path('out/soak'), help='folder (default: %(default)s)'
    )
    add_settings(parser, _SETTINGS)
    return parser
