"""Command line of the benchmarks."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, page, report
from benchmarks.errors import BenchmarkError
from benchmarks.parts import PARTS
from benchmarks.settings import Settings
from emotion_perception.settings.setting import Setting, add_settings

_EXIT_OK, _EXIT_ERROR = 0, 1
_SETTINGS = (
    Setting('threads', 0, 'CPU threads of the networks; 0 is automatic', 0, 4096),
    Setting(
        'effort',
        1.0,
        'factor on the number of repetitions; 1 is below five minutes in all',
        0.01,
        1000,
    ),
    Setting('minutes', 1.0, 'length of the end-to-end run in minutes', 0.01, 10_000),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the chosen parts and reports on all results that are there.

    Returns:
        0 when all chosen parts ran, whether their bars hold or not; 1 after an error.
    """
    options = _parser().parse_args(arguments)
    # Ended from outside, the suite still ends the processes that it started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    settings = Settings(
        out=options.out,
        threads=options.threads,
        effort=options.effort,
        minutes=options.minutes,
        clips=options.clips,
        data=options.data,
    )
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        failed = [name for name in options.parts if not _run_part(name, settings)]
        results = report.read(settings.out)
        report.print_bars(results, sys.stdout)
        paths = report.write(results, settings.out)
        if options.page is not None:
            paths.append(page.update(options.page, results))
        for path in paths:
            print(f'wrote {path}')
    except BenchmarkError as error:
        print(f'error: {error}', file=sys.stderr)
        return _EXIT_ERROR
    except OSError as error:
        print(f'error: {error.filename}: {error.strerror}; choose --out.', file=sys.stderr)
        return _EXIT_ERROR
    return _EXIT_ERROR if failed else _EXIT_OK


def _run_part(name: str, settings: Settings) -> bool:
    """Runs, saves and prints one part; one that cannot run is told of and left out."""
    try:
        run = PARTS[name].load()
        result = machine.observe(name, settings.threads, lambda: run(settings))
    except BenchmarkError as error:
        print(f'error: {name}: {error}', file=sys.stderr)
        return False
    report.save(result, settings.out)
    report.print_part(result, sys.stdout)
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks',
        description='Measures the package on this machine. Results are kept by part, so that a '
        'part can be run again alone.',
        epilog='parts: ' + '; '.join(f'{name}: {part.summary}' for name, part in PARTS.items()),
    )
    parser.add_argument(
        '--parts', nargs='+', choices=list(PARTS), default=list(PARTS), metavar='PART',
        help='what to run (default: everything)',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench'), help='folder (default: %(default)s)'
    )
    add_settings(parser, _SETTINGS)
    parser.add_argument('--page', type=Path, help='Markdown page whose figures to bring up to date')
    parser.add_argument('--clips', type=Path, help='folder of clips for recall and tracking')
    parser.add_argument(
        '--data', type=Path, help='FER-2013 (.csv, .csv.xz, folders): accuracy on PublicTest'
    )
    return parser
