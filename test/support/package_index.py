"""What the package index has for other machines, asked through pip."""

import subprocess
import sys

from packaging.requirements import Requirement

# The tags that pip takes on such a machine, newest first.
_LINUX = (28, 27, 26, 24, 17)
TAGS = {
    ('linux', 'aarch64'): [f'manylinux_2_{minor}_aarch64' for minor in _LINUX],
    ('linux', 'x86_64'): [f'manylinux_2_{minor}_x86_64' for minor in _LINUX],
    ('darwin', 'arm64'): [f'macosx_{major}_0_arm64' for major in range(14, 10, -1)],
}


def resolve(requirements, *options):
    """Asks pip, which downloads at most descriptions; returns its exit code and what it said."""
    command = [sys.executable, '-m', 'pip', 'install', '--dry-run', '--quiet', '--no-deps']
    command += ['--disable-pip-version-check', '--ignore-installed', '--only-binary=:all:']
    # pip holds this against the Python that it runs on, as it does with markers.
    command += ['--ignore-requires-python']
    done = subprocess.run(
        [*command, *options, *requirements], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def resolve_for(requirements, system, machine, python, folder):
    """The same for another machine and Python; `folder` stays empty."""
    platforms = [f'--platform={tag}' for tag in TAGS[system, machine]]
    return resolve(requirements, f'--python-version={python}', f'--target={folder}', *platforms)


def wishes(path):
    """The requirements of a file, without hashes."""
    lines = path.read_text(encoding='utf-8').splitlines()
    return [Requirement(line.rstrip('\\ ')) for line in lines if line and line[0].isalpha()]


def held(path, system, machine, python):
    """The requirements of a file that hold on such a machine.

    pip evaluates markers for the Python that it runs on, whatever it is asked about.
    """
    environment = {
        'sys_platform': system,
        'platform_system': {'linux': 'Linux', 'darwin': 'Darwin'}[system],
        'platform_machine': machine,
        'python_version': python,
        'python_full_version': f'{python}.0',
        'platform_python_implementation': 'CPython',
        'implementation_name': 'cpython',
    }
    found = [wish for wish in wishes(path) if not wish.marker or wish.marker.evaluate(environment)]
    return [f'{wish.name}{wish.specifier}' for wish in found]


def reachable(path):
    """Whether the index has one of a file's packages."""
    (probe,) = [wish for wish in held(path, 'linux', 'x86_64', '3.12') if wish.startswith('tqdm=')]
    code, _ = resolve([probe], '--retries', '0')
    return code == 0
