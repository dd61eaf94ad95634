"""The peer's own Python environment, made on first use."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError

PACKAGE = 'fer==25.10.3'
REQUIREMENTS = Path(__file__).parents[2] / 'requirements' / 'bench-peer.txt'
_INSTALL_TIMEOUT_S = 1800


def peer_python(folder: Path) -> Path:
    """The interpreter of the peer's environment; builds the environment if it is not up to date.

    Args:
        folder: Where the environment lies.

    Raises:
        BenchmarkError: It cannot be built, for example because no package index can be reached.
    """
    python = folder / 'bin' / 'python'
    stamp = folder / 'installed'
    wanted = _fingerprint()
    if python.is_file() and stamp.is_file() and stamp.read_text(encoding='utf-8') == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f'building the environment of the peer ({PACKAGE}) in {folder}, once', file=sys.stderr)
    _run([sys.executable, '-m', 'venv', str(folder)])
    pip = [str(python), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    _run([*pip, '--no-deps', '--require-hashes', '-r', str(REQUIREMENTS)])
    _run([*pip, '--no-deps', PACKAGE])
    stamp.write_text(wanted, encoding='utf-8')
    return python


def _fingerprint() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes() + PACKAGE.encode()).hexdigest()


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in (error.stderr or '').splitlines() if line.startswith('ERROR')]
        reason = lines[-1].removeprefix('ERROR: ') if lines else f'exit code {error.returncode}'
        raise BenchmarkError(
            f'The peer {PACKAGE} cannot be installed ({reason}): check that pip reaches a package '
            f'index and has the wheels of {REQUIREMENTS.name} for Python '
            f'{sys.version_info.major}.{sys.version_info.minor}.'
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchmarkError(
            f'The peer {PACKAGE} cannot be installed ({error}): check the network and the disk.'
        ) from error
