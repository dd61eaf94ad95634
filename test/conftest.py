"""What all tests share."""

import signal

import pytest
from fuzz_counts import COUNTS, write_counts
from hypothesis import settings

from emotion_perception.sources.capture import silence_opencv

# A shell starts `make test &` with SIGINT ignored, `nohup` with SIGHUP; every process that a test
# interrupts would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes depends on what else the machine does.
settings.register_profile('no deadline', deadline=None)
settings.load_profile('no deadline')
# FFmpeg's log level is read once per process, with the first video that any test opens.
silence_opencv()


# The files that take longest begin first: at the end no process is left alone with one of them.
FIRST = (
    *('test_wheel.py', 'test_workspace.py', 'test_session.py', 'test_browser.py'),
    *('test_ros_machine.py', 'test_session_restarts.py', 'test_nothing_lost.py', 'test_soak.py'),
    *('test_expressions.py', 'test_clocks.py', 'test_run.py', 'test_export.py', 'test_teach.py'),
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Adds what a worker of pytest-xdist has tried."""
    for name, counts in getattr(node, 'workeroutput', {}).get('fuzzing', {}).items():
        COUNTS[name].update(counts)


def pytest_terminal_summary(terminalreporter):
    write_counts(terminalreporter)
