"""The processor that something was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_CPUINFO = Path('/proc/cpuinfo')


def cpu_field(name: str) -> str:
    """A field of the first processor in Linux's /proc/cpuinfo; empty where there is none."""
    try:
        lines = _CPUINFO.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:  # not Linux
        return ''
    return next((line.partition(':')[2].strip() for line in lines if line.startswith(name)), '')


def cpu_name() -> str:
    """What the processor calls itself."""
    return cpu_field('model name') or platform.processor() or platform.machine()


def cpu_count() -> int:
    """CPU cores that this process may use."""
    affinity = getattr(os, 'sched_getaffinity', None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
