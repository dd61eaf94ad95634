"""The emotion node under a manager as Nav2's, with the settings that docs/launch.md gives it."""

import re
from pathlib import Path

import pytest
import yaml
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ros_bench import EmotionBench, parameters

UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


@pytest.fixture(scope='module')
def settings():
    text = (Path(__file__).parents[2] / 'docs' / 'launch.md').read_text()
    document = yaml.safe_load(re.search(r'```yaml\n(.*?)```', text, re.S)[1])
    return document['lifecycle_manager_perception']['ros__parameters']


@pytest.fixture
def bench(model_path):
    bench = EmotionBench(parameters(model_path=model_path, autostart='false'))
    yield bench
    bench.close()


def asked(bench, kind, service, request):
    client = bench.client.create_client(kind, service)
    bench.spin_until(client.service_is_ready, service)
    return bench.result(client.call_async(request))


def test_the_bond_that_the_node_does_not_have_is_switched_off(settings):
    """As the manager's parameters have it: a number, of which zero switches the bond off."""
    assert settings['bond_timeout'] == 0.0
    assert isinstance(settings['bond_timeout'], float)
    assert settings['autostart'] is True


def test_a_manager_brings_the_node_up_and_down_and_up_again(settings, bench, astronaut):
    for transitions, state in ((UP, 'ACTIVE'), (DOWN, 'UNCONFIGURED'), (UP, 'ACTIVE')):
        for name in settings['node_names']:
            for transition in transitions:
                request = ChangeState.Request(transition=Transition(id=transition))
                assert asked(bench, ChangeState, f'{name}/change_state', request).success
            result = asked(bench, GetState, f'{name}/get_state', GetState.Request())
            assert result.current_state.id == getattr(State, f'PRIMARY_STATE_{state}')
    bench.connect(astronaut)
    assert len(bench.ask(astronaut).faces) == 1
