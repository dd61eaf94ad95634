"""Names of outputs: none may be an input, or another output."""

from collections.abc import Iterable
from pathlib import Path

from emotion_perception.errors import OutputError
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT


def refuse_overwriting(sources: Iterable[str | Path], outputs: Iterable[Path | None]) -> None:
    """Checks that no output is a source or another output.

    Raises:
        OutputError: One is.
    """
    taken = [Path(source).expanduser() for source in sources]
    for path in outputs:
        if path is None or path == STANDARD_OUTPUT:
            continue
        if any(_is_same_file(path, other) for other in taken):
            raise OutputError(f'{path} is read or written already: choose another output.')
        taken.append(path)


def _is_same_file(path: Path, other: Path) -> bool:
    """Two names of one file are one file; what is not there yet has its name only."""
    try:
        return path.samefile(other)
    except OSError:
        return path.resolve() == other.resolve()
