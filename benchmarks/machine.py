"""The conditions of a run: processor, versions, threads and commit."""

import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2

from benchmarks.schema import Findings, PartResult
from training.machine import cpu_count, cpu_field, cpu_name

_STAT = Path('/proc/stat')
# Columns of /proc/stat: idle and iowait; guest times are part of user time already.
_IDLE_TIMES, _GUEST_TIME = (3, 4), 8
_OWN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_ROOT = Path(__file__).parents[1]
# What decides how fast int8 and fp32 products are.
_FLAGS = ('avx2', 'avx512f', 'avx_vnni', 'avx512_vnni', 'amx_int8', 'asimddp')
_PACKAGES = ('numpy', 'onnxruntime', 'opencv-python-headless', 'opencv-python', 'rclpy')


def describe(threads: int) -> dict[str, str]:
    """Everything that a figure depends on, by name.

    Args:
        threads: CPU threads asked of ONNX Runtime; 0 is its own choice.
    """
    versions = {name: _version(name) for name in _PACKAGES}
    return {
        'CPU': cpu_name(),
        'CPU cores': str(cpu_count()),
        'CPU features': ' '.join(flag for flag in _FLAGS if flag in _cpu_flags()) or 'unknown',
        'system': f'{platform.system()} {platform.release()}',
        'Python': platform.python_version(),
        **{name: text for name, text in versions.items() if text},
        'ONNX Runtime threads': str(threads) if threads else 'automatic',
        'OpenCV threads': str(cv2.getNumThreads()),
        'commit': _commit(),
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since some moment in the past.

    Attributes:
        wall: Wall-clock seconds.
        everyone: CPU seconds of the whole machine; None where the system does not say.
        own: CPU seconds of this process and of its children that have ended.
    """

    wall: float
    everyone: float | None
    own: float

    @classmethod
    def now(cls) -> 'Usage':
        """Reads the clocks."""
        used = [resource.getrusage(who) for who in _OWN]
        own = sum(usage.ru_utime + usage.ru_stime for usage in used)
        return cls(time.monotonic(), _machine_cpu_seconds(), own)

    def others_since(self, start: 'Usage') -> float | None:
        """CPU cores that other programs kept busy meanwhile: 0 on a quiet machine."""
        if self.everyone is None or start.everyone is None or self.wall <= start.wall:
            return None
        others = (self.everyone - start.everyone) - (self.own - start.own)
        return max(others / (self.wall - start.wall), 0.0)


def _machine_cpu_seconds() -> float | None:
    """First line of /proc/stat (man 5 proc): everything but idling and waiting for disks."""
    try:
        fields = _STAT.read_text(encoding='utf-8').splitlines()[0].split()[1:]
    except OSError:
        return None
    ticks = [int(field) for field in fields[:_GUEST_TIME]]
    return (sum(ticks) - sum(ticks[position] for position in _IDLE_TIMES)) / os.sysconf(
        'SC_CLK_TCK'
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ''


def _cpu_flags() -> set[str]:
    return set((cpu_field('flags') or cpu_field('Features')).split())


def _commit() -> str:
    """Short hash, with a plus when files differ from it."""
    try:
        described = subprocess.run(
            ['git', 'describe', '--always', '--dirty=+', '--exclude=*'],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return described.stdout.strip()


def observe(part: str, threads: int, run: Callable[[], Findings]) -> PartResult:
    """Runs one part and notes under which conditions, and how busy others were meanwhile.

    Args:
        part: Its name.
        threads: CPU threads asked of ONNX Runtime; 0 is its own choice.
        run: Gives what it finds.
    """
    start, started = Usage.now(), datetime.now().astimezone().isoformat(timespec='seconds')
    findings, end = run(), Usage.now()
    return PartResult(
        part=part,
        findings=findings,
        seconds=end.wall - start.wall,
        started=started,
        conditions=describe(threads),
        others=end.others_since(start),
    )
