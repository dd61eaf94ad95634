"""Waiting for what other processes do; every change of a file and every end is an event."""

import os
import select
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest

# Far more than a busy machine needs; reached only when something is broken.
PATIENCE_S = 600.0


def wait_for_files(holds, *folders, process=None):
    """Waits until something holds; asks again at each change below folders, and at an end.

    Args:
        holds: Says whether it does.
        folders: Where files change when it may.
        process: Id of the process whose end, too, is worth to ask again.

    Returns:
        What `holds` has said.
    """
    deadline = time.monotonic() + PATIENCE_S
    with _changes(folders, process) as changed:
        while not (found := holds()):
            assert changed.wait(deadline - time.monotonic()), 'it did not happen'
            changed.clear()
    return found


def wait_for_end(process):
    """Waits for the end of a process, which need not be a child (Linux)."""
    assert _has_ended(process, PATIENCE_S), f'process {process} did not end'


@contextmanager
def _changes(folders, process):
    """An event that is set at each change."""
    reason = 'watchdog is not installed: make env'
    events = pytest.importorskip('watchdog.events', reason=reason)
    observers = pytest.importorskip('watchdog.observers', reason=reason)
    changed = threading.Event()
    handler = events.FileSystemEventHandler()
    # Not that a file was opened or read: whoever asks would be an event for itself.
    for kind in ('created', 'modified', 'deleted', 'moved'):
        setattr(handler, f'on_{kind}', lambda _: changed.set())
    observer = observers.Observer()
    for folder in folders:
        observer.schedule(handler, str(folder), recursive=True)
    observer.start()
    if process is not None and hasattr(os, 'pidfd_open'):
        ended = threading.Thread(target=lambda: _has_ended(process) and changed.set(), daemon=True)
        ended.start()
    try:
        yield changed
    finally:
        observer.stop()
        observer.join()


def _has_ended(process, seconds=None):
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def terminate(process, seconds=120):
    """Sends SIGTERM to a program on `rclpy.spin`, again after a while, until it has ended.

    Once (rclpy 7.1.5) one was sent and the program stayed in `rcl_wait`; the next one ended it. One
    that comes while rclpy is ending makes it crash (SIGSEGV, in 7 of 60 ends where one came each 1
    to 20 ms): so long after the first, only a program that has missed it is still there.

    Returns:
        Exit code.
    """
    return repeat_until_end(process, process.terminate, seconds, every=20)


def repeat_until_end(process, act, seconds=30, every=1):
    """Does something that is to end a child, again and again, until it has ended.

    Returns:
        Exit code.
    """
    for _ in range(seconds // every):
        act()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(every)
    raise AssertionError(f'{process.args} has not ended after {seconds} s')
