"""Nodes and commands as processes of their own, as users start them."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

TIMEOUT_S = 120.0
_SOURCES = Path(__file__).parents[2] / 'src'


def environment(**changes):
    """This process's environment, with the sources of this checkout first."""
    paths = [str(_SOURCES), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths)), **changes}


def start(arguments, stdin=subprocess.DEVNULL, **changes):
    """Starts this interpreter; its output comes through pipes."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
    )


def start_node(name, *arguments, **changes):
    return start(['-m', 'emotion_bringup.main', name, '--ros-args', *arguments], **changes)


def run(arguments, **changes):
    """Runs this interpreter to its end; returns (exit code, stdout, stderr)."""
    return finish(start(arguments, **changes))


def run_node(name, *arguments, **changes):
    return finish(start_node(name, *arguments, **changes))


def finish(process):
    """Waits for the end of a process; returns (exit code, stdout, stderr)."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def interrupt(process):
    """Ctrl-C; returns (exit code, stdout, stderr)."""
    process.send_signal(signal.SIGINT)
    return finish(process)


def assert_one_sentence(text, *parts):
    """An error as users should see it: one line that says what is wrong, no traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert 'Traceback' not in text
    assert lines[0].rstrip().endswith('.'), text
    for part in parts:
        assert str(part) in lines[0], text


def open_paths(pid='self'):
    """What a process has open (Linux): the paths of files, the names of sockets and the like."""
    for link in Path(f'/proc/{pid}/fd').iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield link.readlink()


def open_files(pid='self'):
    """How many files a process has open (Linux).

    Without semaphores: Fast DDS makes one now and then, and sem_open closes its file at once.
    """
    return sum(not path.name.startswith('sem.') for path in open_paths(pid))
