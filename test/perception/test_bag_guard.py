"""What `bags/guard.py` replaces in rosbags, whose bound in requirements/runtime.in goes with it."""

import pytest
from rosbags.rosbag1 import reader as rosbag1_reader
from rosbags.rosbag2 import storage_mcap

from emotion_perception.bags import guard


@pytest.mark.parametrize(
    ('table', 'plain'),
    [(storage_mcap.DECOMPRESSORS, ''), (rosbag1_reader.decompressors, 'none')],
    ids=['mcap', 'ros1'],
)
def test_rosbags_unpacks_nothing_without_a_limit(table, plain):
    assert len(table) == 3, 'one more kind of compression: bound it in guard.py'
    assert {name for name, unpack in table.items() if unpack.__module__ != guard.__name__} == {
        plain
    }
