"""A node that was killed and started again must not take the port of its dead self."""

import fcntl
import os
from pathlib import Path

import pytest
from processes import start_node
from ros_bench import EmotionBench, parameters

from emotion_bringup.dead_ports import number_beside_the_dead, profile_with_number
from emotion_bringup.distributions import PORT_NAMES
from emotion_perception.resources import config_path

PORTS = Path('/dev/shm')
pytestmark = pytest.mark.skipif(not PORTS.is_dir(), reason='needs POSIX shared memory')


@pytest.fixture
def bench(model_path):
    made = EmotionBench(parameters(model_path=model_path, detector='haar', num_threads=1))
    yield made
    made.close()


def test_a_killed_node_starts_again_on_another_port(bench, model_path):
    domain = int(os.environ['ROS_DOMAIN_ID'])
    values = {'model_path': model_path, 'detector': 'haar', 'num_threads': 1}

    def start():
        return start_node('emotion_node', *parameters(**values), '-r', '__ns:=/other')

    process = start()
    try:
        bench.spin_until(lambda: bench.client.count_publishers('/other/emotions'), 'the node')
        process.kill()
        process.wait()
        beside = number_beside_the_dead(domain)
        assert beside is not None
        number = 7400 + 250 * domain + 11 + 2 * beside
        ports = [PORTS / f'{name}{number}_el' for name in PORT_NAMES]
        assert not any(port.exists() for port in ports)
        process = start()
        bench.spin_until(
            lambda: any(port.exists() for port in ports), 'the start on the other port'
        )
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize('name', PORT_NAMES)
def test_the_living_are_no_reason_to_go_elsewhere(tmp_path, name):
    lock = tmp_path / f'{name}7411_el'
    with lock.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert number_beside_the_dead(0, tmp_path) is None
    assert number_beside_the_dead(0, tmp_path) == 1


def test_numbers_run_out_at_the_end(tmp_path):
    for number in range(32):
        (tmp_path / f'fastdds_port{7411 + 2 * number}_el').touch()
    assert number_beside_the_dead(0, tmp_path) is None
    (tmp_path / 'fastdds_port7431_el').unlink()
    assert number_beside_the_dead(0, tmp_path) == 10
    assert number_beside_the_dead(1, tmp_path) is None


def test_the_profile_keeps_the_transports():
    profile = profile_with_number(config_path('fastdds.xml'), 5)
    text = profile.read_text()
    profile.unlink()
    assert text.count('<participantID>5</participantID>') == 1
    assert 'image_shared_memory' in text
