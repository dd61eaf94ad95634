"""What the fuzz tests have tried, told at the end of a run."""

from collections import Counter, defaultdict

COUNTS: dict[str, Counter[str]] = defaultdict(Counter)
"""Examples by test and outcome: processed, refused."""


def write_counts(terminalreporter):
    if COUNTS:
        terminalreporter.section('fuzzing: examples tried, processed, refused, crashed')
    for name, counts in sorted(COUNTS.items()):
        tried, processed, refused = (counts[key] for key in ('tried', 'processed', 'refused'))
        crashed = tried - processed - refused
        terminalreporter.write_line(f'{name:<24}{tried:>7}{processed:>7}{refused:>7}{crashed:>7}')
