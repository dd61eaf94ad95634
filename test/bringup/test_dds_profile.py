"""The shared memory that a node's process takes for what it publishes."""

import re
from pathlib import Path

import pytest
from processes import start_node
from ros_bench import parameters

from emotion_bringup.dds_profile import fitted_profile
from emotion_bringup.session.domain import claim_domain
from emotion_perception.files.resources import config_path

SHIPPED = config_path('fastdds.xml')
SMALL = 4 << 20
_SEGMENT = re.compile(r'^(\w+)-(\w+) .* /dev/shm/fast(?:dds|rtps)_[0-9a-f]{16}$', re.MULTILINE)


def own_segment(process):
    """Size of the shared-memory segment of a process that has met no other, in bytes.

    It maps those of others in its domain as well.
    """
    maps = Path(f'/proc/{process.pid}/maps').read_text()
    return max(int(end, 16) - int(start, 16) for start, end in _SEGMENT.findall(maps))


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


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='needs POSIX shared memory')
def test_the_emotion_node_takes_little_shared_memory(model_path):
    nobody_elses = str(claim_domain())
    values = parameters(model_path=model_path)
    process = start_node('emotion_node', *values, ROS_DOMAIN_ID=nobody_elses)
    try:
        assert any('CPUExecutionProvider' in line for line in process.stderr)
        assert SMALL <= own_segment(process) < 2 * SMALL
    finally:
        process.kill()
        process.wait()
