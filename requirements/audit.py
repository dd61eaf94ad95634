"""`make audit`: looks for known holes in the locked requirements, with pip-audit.

pip-audit ends with «No known vulnerabilities found» also where its service says nothing about
any package, for example behind a mirror of the index that has files but no advisories. So a package
with a well-known hole is asked about first: only who finds that one is believed.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

EXIT_OK: Final = 0
EXIT_FOUND: Final = 1
EXIT_BROKEN: Final = 2
# Has had several holes since 2021, among them CVE-2021-25289.
_CANARY: Final = 'pillow==8.0.0\n'
_PIP_AUDIT: Final = (sys.executable, '-m', 'pip_audit')
_OPTIONS: Final = ('--no-deps', '--disable-pip', '--progress-spinner', 'off', '--format', 'json')

Dependency = dict[str, Any]
Lookup = Callable[[Path], list[Dependency]]
"""Everything that pip-audit says about the packages in a requirements file."""


class AuditError(Exception):
    """pip-audit gave no result; the text says why."""


def main(files: Sequence[str]) -> int:
    """Audits requirements files; returns 0 if clean or not audited, 1 for holes, 2 for trouble."""
    return audit([Path(file) for file in files], look_up)


def audit(files: Sequence[Path], lookup: Lookup) -> int:
    """Audits files and prints what is found; see `main`."""
    problem = _service_problem(lookup)
    if problem:
        print(f'not audited: the advisory service cannot be reached ({problem}).')
        return EXIT_OK
    findings = 0
    for file in files:
        try:
            dependencies = lookup(file)
        except AuditError as error:
            print(f'error: {file} cannot be audited: {error}.', file=sys.stderr)
            return EXIT_BROKEN
        findings += _report(file, dependencies)
    return EXIT_FOUND if findings else EXIT_OK


def look_up(file: Path) -> list[Dependency]:
    """Asks pip-audit about one file.

    Raises:
        AuditError: It gave no result.
    """
    hashes = () if file.read_text(encoding='utf-8') == _CANARY else ('--require-hashes',)
    command = [*_PIP_AUDIT, *_OPTIONS, *hashes, '--requirement', str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return list(json.loads(done.stdout)['dependencies'])
    except (ValueError, KeyError) as error:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise AuditError(lines[-1][:300] if lines else 'pip-audit said nothing') from error


def _service_problem(lookup: Lookup) -> str:
    """Why the service cannot be believed; empty when it knows the well-known hole."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'canary.txt')
        file.write_text(_CANARY, encoding='utf-8')
        try:
            found = lookup(file)
        except AuditError as error:
            return str(error)
    if any(dependency.get('vulns') for dependency in found):
        return ''
    return f'it knows no hole of {_CANARY.strip()}, which has several'


def _report(file: Path, dependencies: Sequence[Dependency]) -> int:
    """Prints what is known of one file; returns the number of holes."""
    holes = [(one, hole) for one in dependencies for hole in one.get('vulns', ())]
    for one, hole in holes:
        fixed = ', '.join(hole.get('fix_versions', ())) or 'no version yet'
        print(f'{file}: {one["name"]} {one["version"]} has {hole["id"]}, mended in {fixed}.')
    unknown = [one['name'] for one in dependencies if 'vulns' not in one]
    looked_at = len(dependencies) - len(unknown)
    left = f'; unknown to the service: {", ".join(unknown)}' if unknown else ''
    print(f'{file}: {looked_at} packages looked at, {len(holes)} known holes{left}.')
    return len(holes)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
