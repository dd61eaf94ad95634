"""The shared memory that a node's process takes for what it publishes."""

import re
from pathlib import Path

import pytest
from processes import open_paths, start_node
from ros_bench import parameters

from emotion_bringup.dds_profile import fitted_profile
from emotion_perception.files.resources import config_path

SHIPPED = config_path('fastdds.xml')
SMALL = 4 << 20
SHARED_MEMORY = Path('/dev/shm')
# The lock of a segment: the process that made it keeps it open.
_LOCK = re.compile(r'(fast(?:dds|rtps)_[0-9a-f]{16})_el')


def own_segments(process):
    """Sizes of the shared-memory segments that a process has made, in bytes.

    It may map those of others as well, even of another domain: the first free port from 7000 up,
    for `ros_discovery_info`, is one of the whole machine, and who still writes to the killed
    process that had it before reaches this one.
    """
    locks = (_LOCK.fullmatch(path.name) for path in open_paths(process.pid))
    return [(SHARED_MEMORY / lock[1]).stat().st_size for lock in locks if lock]


def test_a_process_that_publishes_images_keeps_the_profile():
    assert fitted_profile(SHIPPED, None, images=True) == SHIPPED


@pytest.mark.parametrize('number', [None, 5])
def test_a_process_that_publishes_none_has_a_small_segment(number):
    profile = fitted_profile(SHIPPED, number, images=False)
    text = profile.read_text()
    profile.unlink()
    assert f'<segment_size>{SMALL}</segment_size>' in text
    assert f'<maxMessageSize>{SMALL}</maxMessageSize>' in text
    assert ('<participantID>5</participantID>' in text) == (number == 5)


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason='needs POSIX shared memory')
def test_the_emotion_node_takes_little_shared_memory(model_path):
    process = start_node('emotion_node', *parameters(model_path=model_path))
    try:
        assert any('CPUExecutionProvider' in line for line in process.stderr)
        assert SMALL <= max(own_segments(process)) < 2 * SMALL
    finally:
        process.kill()
        process.wait()
