"""Message packages for tests: the installed ones, or stand-ins where those are absent."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ('vision_msgs', 'hri_msgs', 'tf2_msgs')
MISSING_TOOLS = 'cmake and a C++ compiler are needed to build stand-ins for ' + ' and '.join(
    PACKAGES
)

_SOURCES = Path(__file__).parent / 'interfaces'
# Below build/, which git ignores: the next run of the tests takes what this one has built.
_BUILDS = Path(__file__).parents[2] / 'build' / 'stand_ins'
_BUILD_TIMEOUT_S = 1800


def missing_packages() -> list[str]:
    """Which of them are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def can_build() -> bool:
    """Whether the tools are there."""
    return all(shutil.which(tool) for tool in ('cmake', 'c++'))


def build(packages: Sequence[str]) -> Path:
    """Builds the stand-ins of some packages, unless an earlier run has.

    Returns:
        The prefix they are installed in.
    """
    folder = _BUILDS / _key(packages)
    folder.mkdir(parents=True, exist_ok=True)
    prefix, done = folder / 'install', folder / 'done'
    with (folder / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _run_colcon(packages, folder, prefix)
            done.touch()
    return prefix


def module_folder(prefix: Path) -> Path:
    """Where Python finds the packages of a prefix."""
    return next(prefix.glob('**/*_msgs/msg/__init__.py')).parents[2]


def environment(prefix: Path) -> dict[str, str]:
    """Variables that add a prefix to this process's environment."""
    additions = {
        'PYTHONPATH': module_folder(prefix),
        'AMENT_PREFIX_PATH': prefix,
        'LD_LIBRARY_PATH': prefix / 'lib',
    }
    return {
        name: os.pathsep.join(filter(None, (str(path), os.environ.get(name))))
        for name, path in additions.items()
    }


def _key(packages: Sequence[str]) -> str:
    """Changes with everything that the result depends on."""
    digest = hashlib.sha256(repr((sys.version, sys.prefix, sorted(packages))).encode())
    for path in sorted(path for path in _SOURCES.rglob('*') if path.is_file()):
        digest.update(str(path.relative_to(_SOURCES)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _run_colcon(packages: Sequence[str], folder: Path, prefix: Path) -> None:
    scripts = Path(sys.executable).parent
    path = os.pathsep.join((str(scripts), os.environ.get('PATH', '')))
    prefixes = {
        name: os.pathsep.join(filter(None, (sys.prefix, os.environ.get(name))))
        for name in ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH')
    }
    command = [shutil.which('colcon', path=path) or 'colcon', '--log-base', str(folder / 'log')]
    command += ['build', '--merge-install', '--build-base', str(folder / 'build')]
    command += ['--install-base', str(prefix)]
    command += ['--base-paths', *(str(_SOURCES / package) for package in packages)]
    command += ['--cmake-args', f'-DPython3_EXECUTABLE={sys.executable}', '-DBUILD_TESTING=OFF']
    # The libraries find each other in a process that was started without LD_LIBRARY_PATH, too.
    command += ['-Wno-dev', f'-DCMAKE_INSTALL_RPATH={prefix / "lib"}']
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **prefixes, 'PATH': path, 'COLCON_DEFAULTS_FILE': os.devnull},
        capture_output=True,
        text=True,
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
