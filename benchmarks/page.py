"""Brings the figures of a hand-written page up to date."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.plots import draw
from benchmarks.report import as_blocks
from benchmarks.schema import PartResult

BEGIN, END = '<!-- benchmarks: begin -->', '<!-- benchmarks: end -->'
_PLOTS = 'images/benchmarks'


def update(path: Path, results: Sequence[PartResult]) -> Path:
    """Replaces what stands between the two marks of a page and draws its plots beside it.

    Args:
        path: Markdown with a line `BEGIN` and a later line `END`.
        results: What to show.

    Returns:
        The page.

    Raises:
        BenchmarkError: The page cannot be read or written, or lacks the marks.
    """
    try:
        text = path.read_text(encoding='utf-8')
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise BenchmarkError(
                f'{path} has no place for the figures: add the lines {BEGIN} and {END}.'
            )
        draw([plot for r in results for plot in r.findings.plots], path.parent / _PLOTS)
        blocks = [before + BEGIN, *as_blocks(results, f'{_PLOTS}/{{}}.png'), END + after]
        path.write_text('\n\n'.join(blocks), encoding='utf-8')
    except OSError as error:
        raise BenchmarkError(
            f'The page {path} cannot be brought up to date ({error.strerror}): check --page.'
        ) from error
    return path
