"""A node that was killed and started again must not take the port of its dead self."""

from pathlib import Path

import pytest
from domains import ports_of
from processes import start_node
from ros_bench import parameters

from emotion_bringup.dds_profile import fitted_profile
from emotion_bringup.distributions import PORT_NAMES
from emotion_bringup.session.domain import claim_domain
from emotion_bringup.stale_ports import claim_participant_id
from emotion_perception.files.resources import config_path

PORTS = Path('/dev/shm')
pytestmark = pytest.mark.skipif(not PORTS.is_dir(), reason='needs POSIX shared memory')


def numbers_in(domain):
    """Participant numbers of a domain's processes, living or killed."""
    first = 7400 + 250 * domain + 11
    return {
        number
        for number in range(32)
        if any((PORTS / f'{name}{first + 2 * number}_el').exists() for name in PORT_NAMES)
    }


@pytest.fixture
def domain():
    """Nobody's else: a living process that talked to the dead one may remove its port."""
    free = claim_domain()
    yield free
    for path in ports_of(free):
        path.unlink(missing_ok=True)


def test_a_killed_node_starts_again_on_another_port(domain, model_path):
    values = parameters(model_path=model_path, detector='haar', num_threads=1)

    def start():
        return start_node('emotion_node', *values, ROS_DOMAIN_ID=str(domain))

    process = start()
    try:
        # What it says when it is there; its port comes and goes while it is made.
        assert any('CPUExecutionProvider' in line for line in process.stderr)
        (dead,) = numbers_in(domain)
        process.kill()
        process.wait()
        process = start()
        assert any('CPUExecutionProvider' in line for line in process.stderr)
        assert len(numbers_in(domain)) == 2
        assert dead in numbers_in(domain)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize('name', PORT_NAMES)
def test_a_number_without_any_files_is_taken(domain, tmp_path, name):
    port = 7411 + 250 * domain
    for number in {*range(32)} - {10}:
        (tmp_path / f'{name}{port + 2 * number}_el').touch()
    assert claim_participant_id(domain, tmp_path) == 10
    assert claim_participant_id(domain, tmp_path) is None


def test_no_number_is_given_twice_and_low_ones_last(domain, tmp_path):
    given = [claim_participant_id(domain, tmp_path) for _ in range(32)]
    assert sorted(given) == [*range(32)]
    assert {*given[24:]} == {*range(8)}
    assert given[:24] != sorted(given[:24])  # a dead number is unlikely to come back at once
    assert claim_participant_id(domain, tmp_path) is None


def test_nodes_that_start_at_once_have_numbers_of_their_own(domain, model_path):
    values = parameters(model_path=model_path, detector='haar', num_threads=1)
    processes = [
        start_node(
            'emotion_node', *values, '-r', f'__node:=node{number}', ROS_DOMAIN_ID=str(domain)
        )
        for number in range(3)
    ]
    try:
        for process in processes:
            assert any('CPUExecutionProvider' in line for line in process.stderr)
        assert len(numbers_in(domain)) == 3
        assert min(numbers_in(domain)) >= 8
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_profile_keeps_the_transports():
    profile = fitted_profile(config_path('fastdds.xml'), 5, images=True)
    text = profile.read_text()
    profile.unlink()
    assert text.count('<participantID>5</participantID>') == 1
    assert 'image_shared_memory' in text
