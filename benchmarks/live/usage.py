"""CPU time and memory of other processes, from Linux's /proc (man 5 proc)."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path('/proc')
# Fields of /proc/<pid>/stat after the command's name, from 0: see `utime` and `stime`.
_USER_TIME, _SYSTEM_TIME = 11, 12
_KIB = 1024
_MEMORY_FIELDS = ('Rss', 'Pss', 'Pss_Anon', 'Pss_File', 'Pss_Shmem')


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process in MB (10**6 bytes).

    Attributes:
        resident: All pages in memory (RSS), shared ones included.
        proportional: The same with each shared page divided by its users (PSS).
        heap: Part of `proportional` that is the process's own memory.
        files: Part of `proportional` that is programs and libraries.
        shared: Part of `proportional` that is shared memory, for example of DDS.
    """

    resident: float
    proportional: float
    heap: float
    files: float
    shared: float


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, all threads, user and system.

    Raises:
        OSError: The process does not exist, or there is no /proc.
    """
    text = (_PROC / str(pid) / 'stat').read_text(encoding='utf-8')
    # The command's name is in brackets and may hold spaces.
    fields = text.rpartition(')')[2].split()
    ticks = int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    return ticks / os.sysconf('SC_CLK_TCK')


def children(pid: int) -> list[int]:
    """Ids of the processes that the main thread of a process has started, in order.

    Raises:
        OSError: The process does not exist, or there is no /proc.
    """
    text = (_PROC / str(pid) / 'task' / str(pid) / 'children').read_text(encoding='ascii')
    return [int(word) for word in text.split()]


def threads(pid: int) -> int:
    """Number of threads of a process.

    Raises:
        OSError: The process does not exist, or there is no /proc.
    """
    return _entries(pid, 'task')


def handles(pid: int) -> int:
    """Number of open file handles of a process, sockets and pipes included.

    Raises:
        OSError: The process does not exist, belongs to somebody else, or there is no /proc.
    """
    return _entries(pid, 'fd')


def _entries(pid: int, folder: str) -> int:
    return sum(1 for _ in (_PROC / str(pid) / folder).iterdir())


def memory(pid: int) -> Memory:
    """Memory of a process.

    Raises:
        OSError: The process does not exist, or there is no /proc.
    """
    text = (_PROC / str(pid) / 'smaps_rollup').read_text(encoding='utf-8')
    megabytes = {
        name: int(rest.split()[0]) * _KIB / 1e6
        for name, _, rest in (line.partition(':') for line in text.splitlines())
        if name in _MEMORY_FIELDS
    }
    return Memory(*(megabytes[name] for name in _MEMORY_FIELDS))
