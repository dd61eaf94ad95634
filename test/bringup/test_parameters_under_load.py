"""Parameters changed by several clients at once while images flow."""

import itertools
import math

import pytest
from processes import interrupt, start_node
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.node import Node
from rclpy.qos import qos_profile_parameters
from ros_bench import EmotionBench, parameters

from emotion_msgs.msg import FaceEmotion

NODE = '/emotion_node'
CLIENTS = 3  # odd, so that the last word goes to one change and then to the other
# All or nothing: one face with a certain emotion, or two uncertain ones.
ONE_CERTAIN = {'max_faces': 1, 'confidence_threshold': 0.0}
TWO_UNCERTAIN = {'max_faces': 2, 'confidence_threshold': 1.0}
FIELDS = {
    bool: (ParameterType.PARAMETER_BOOL, 'bool_value'),
    int: (ParameterType.PARAMETER_INTEGER, 'integer_value'),
    float: (ParameterType.PARAMETER_DOUBLE, 'double_value'),
    str: (ParameterType.PARAMETER_STRING, 'string_value'),
}


def change(name, value):
    """One change as it goes over the wire; None deletes the parameter."""
    if value is None:
        return Parameter(name=name)
    kind, field = FIELDS[type(value)]
    return Parameter(name=name, value=ParameterValue(type=kind, **{field: value}))


class Client:
    """What `ros2 param` does, as a node of its own."""

    def __init__(self, bench, number):
        self._bench = bench
        self.node = Node(f'tuner{number}', context=bench.client.context)
        bench.executor_of_client.add_node(self.node)
        self._single = self._connect(SetParameters, 'set_parameters')
        self._atomic = self._connect(SetParametersAtomically, 'set_parameters_atomically')
        self._get = self._connect(GetParameters, 'get_parameters')

    def _connect(self, service, name):
        # Fast DDS brings every client the results to all of them: the default depth is too small.
        client = self.node.create_client(
            service, f'{NODE}/{name}', qos_profile=qos_profile_parameters
        )
        self._bench.spin_until(client.service_is_ready, 'the parameter services')
        return client

    def atomically(self, values):
        """A change of several parameters, under way."""
        changes = [change(name, value) for name, value in values.items()]
        return self._atomic.call_async(SetParametersAtomically.Request(parameters=changes))

    def set(self, *changes):
        """Results of changes one by one: (successful, reason) of each."""
        future = self._single.call_async(SetParameters.Request(parameters=changes))
        return [(one.successful, one.reason) for one in self._bench.result(future).results]

    def set_atomically(self, values):
        result = self._bench.result(self.atomically(values)).result
        return result.successful, result.reason

    def values(self, *names):
        result = self._bench.result(self._get.call_async(GetParameters.Request(names=names)))
        fields = dict(FIELDS.values())
        return [getattr(value, fields[value.type]) for value in result.values]


class LoadBench(EmotionBench):
    @property
    def executor_of_client(self):
        return self._executors[1]

    def processed(self, stamp_ns):
        return bool(self._results_of(stamp_ns))


@pytest.fixture(scope='module')
def bench(model_path, two_faces):
    made = LoadBench(
        parameters(model_path=model_path, num_threads=1, smoothing=0.0, detect_every_n=1)
    )
    made.clients = [Client(made, number) for number in range(CLIENTS)]
    for service in ('set_parameters', 'set_parameters_atomically', 'get_parameters'):
        made.spin_until(
            lambda name=f'{NODE}/{service}': made.node.count_clients(name) >= CLIENTS,
            'the match of the services',
        )
    made.connect(two_faces)
    yield made
    for client in made.clients:
        client.node.destroy_node()
    made.close()


@pytest.fixture
def client(bench):
    """One client; the node has its defaults again afterwards."""
    yield bench.clients[0]
    defaults = {'max_faces': 0, 'confidence_threshold': 0.0, 'smoothing': 0.0, 'min_face_size': 24}
    assert bench.clients[0].set_atomically(defaults) == (True, '')


def kind_of(result):
    uncertain = {face.emotion_id == FaceEmotion.UNCERTAIN for face in result.faces}
    return len(result.faces), uncertain


def test_every_frame_sees_a_whole_change_or_none(bench, client, two_faces):
    """All clients change two values each, as fast as they are processed, while images flow."""
    assert client.set_atomically(ONE_CERTAIN) == (True, '')
    turns = itertools.cycle([TWO_UNCERTAIN, ONE_CERTAIN])
    pending = {one: one.atomically(next(turns)) for one in bench.clients}
    results, frames, enough = [], 30, 1000
    bench.results.clear()

    def step():
        for one, future in pending.items():
            if future.done():
                results.append(future.result().result.successful)
                pending[one] = one.atomically(next(turns))

    def sizes():
        return {len(result.faces) for result in bench.results}

    def is_processed(stamp_ns):
        step()
        return bench.processed(stamp_ns)

    while len(bench.results) < frames or (len(sizes()) < 2 and len(bench.results) < enough):
        sent = bench.send(two_faces)
        bench.spin_until(lambda stamp_ns=sent: is_processed(stamp_ns), 'a result')
    for future in pending.values():
        assert bench.result(future).result.successful

    seen = [kind_of(result) for result in bench.results]
    assert all(kind in [(1, {False}), (2, {True})] for kind in seen)
    assert sizes() == {1, 2}
    assert all(results) and len(results) >= CLIENTS


def test_clients_that_disagree_leave_one_of_their_changes(bench, client, two_faces):
    changes = [{'max_faces': n, 'min_face_size': 20 + n} for n in range(2, 2 + CLIENTS)]
    futures = [one.atomically(wanted) for one, wanted in zip(bench.clients, changes, strict=True)]
    for future in futures:
        bench.send(two_faces)
        assert bench.result(future).result.successful
    faces, size = client.values('max_faces', 'min_face_size')
    assert {'max_faces': faces, 'min_face_size': size} in changes
    assert bench.node._pipeline.settings.max_faces == faces
    assert bench.node._pipeline.settings.min_face_size == size


def test_one_bad_value_leaves_all_as_they_were(bench, client, two_faces):
    before = client.values('max_faces', 'smoothing', 'min_face_size')
    settings = bench.node._pipeline.settings
    successful, reason = client.set_atomically(
        {'max_faces': 1, 'smoothing': 99.0, 'min_face_size': 30}
    )
    assert not successful
    assert reason == 'smoothing must be 0 to 10 s, not 99.0'
    assert client.values('max_faces', 'smoothing', 'min_face_size') == before
    assert bench.node._pipeline.settings == settings
    assert len(bench.ask(two_faces).faces) == 2


def test_one_by_one_the_good_ones_apply(bench, client, two_faces):
    results = client.set(change('max_faces', 1), change('smoothing', -1.0))
    assert results == [(True, ''), (False, 'smoothing must be 0 to 10 s, not -1.0')]
    assert len(bench.ask(two_faces).faces) == 1


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('max_faces', -1, 'max_faces must be 0 to 1000, not -1'),
        ('max_faces', 2**62, f'max_faces must be 0 to 1000, not {2**62}'),
        ('max_faces', 1.5, 'max_faces must be a whole number (0 to 1000), not 1.5'),
        ('max_faces', True, 'max_faces must be a whole number (0 to 1000), not True'),
        ('max_faces', None, 'max_faces cannot be deleted: set a whole number (0 to 1000)'),
        ('min_face_size', 7, 'min_face_size must be 8 to 4096 px, not 7'),
        ('confidence_threshold', math.nan, 'confidence_threshold must be 0 to 1, not nan'),
        ('confidence_threshold', math.inf, 'confidence_threshold must be 0 to 1, not inf'),
        ('confidence_threshold', -math.inf, 'confidence_threshold must be 0 to 1, not -inf'),
        # rclpy alone lets a millionth pass.
        ('confidence_threshold', 1 + 1e-7, 'confidence_threshold must be 0 to 1, not 1.0000001'),
        ('smoothing', 11, 'smoothing must be 0 to 10 s, not 11.0'),
        ('smoothing', True, 'smoothing must be a number (0 to 10 s), not True'),
        (
            'smoothing',
            'x' * 10_000,
            "smoothing must be a number (0 to 10 s), not 'xxxxxxxxxxxx...xxxxxxxxxxxxx'",
        ),
        ('magic', 1, 'magic is not a parameter of this node'),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_value_is_refused_with_what_is_allowed(client, name, value, reason):
    assert client.set(change(name, value)) == [(False, reason)]
    assert client.set_atomically({name: value}) == (False, reason)


@pytest.mark.parametrize(
    ('name', 'value'),
    [('mode', 'replay'), ('image_timeout', 2.0), ('min_subscribers', 'many')],
)
def test_a_parameter_that_is_read_at_the_start_is_refused_with_the_reason(client, name, value):
    ((successful, reason),) = client.set(change(name, value))
    assert not successful
    assert reason.startswith(f'{name} is read when the node starts: ')
    assert 'start the node again' in reason


@pytest.mark.parametrize(
    ('name', 'value'),
    [('model_path', '/tmp/other.onnx'), ('labels', 'ferplus'), ('num_threads', 'many')],
)
def test_a_parameter_that_is_read_at_configuring_is_refused_with_the_way(client, name, value):
    ((successful, reason),) = client.set(change(name, value))
    assert not successful
    assert reason.startswith(f'{name} is read when the node configures: ')
    assert '`ros2 lifecycle set /emotion_node deactivate`' in reason


def test_a_whole_number_is_taken_for_a_number(bench, client):
    assert client.set(change('smoothing', 1)) == [(True, '')]
    assert client.values('smoothing') == [1.0]
    assert bench.node._pipeline.settings.smoothing == 1.0


def test_bad_changes_in_a_row_cost_no_frame(bench, client, two_faces):
    futures = [
        one.atomically({'max_faces': -number}) for one in bench.clients for number in range(1, 6)
    ]
    assert len(bench.ask(two_faces).faces) == 2
    assert not any(bench.result(future).result.successful for future in futures)
    assert len(bench.ask(two_faces).faces) == 2


def processed(bench, setter, wanted):
    """The result of a change, asked for again: a result before the node knows us is lost."""
    asked = []
    polls = itertools.count()

    def is_processed():
        if next(polls) % 100 == 0:
            asked.append(setter.call_async(SetParameters.Request(parameters=[wanted])))
        return any(future.done() for future in asked)

    bench.spin_until(is_processed, 'the result of the other node')
    return next(future for future in asked if future.done()).result().results[0]


def test_a_malformed_request_does_not_end_the_node(bench, model_path):
    """rclpy raises on a type that does not exist; the process must not go down with it."""
    values = {'model_path': model_path, 'detector': 'haar', 'num_threads': 1}
    process = start_node('emotion_node', *parameters(**values), '-r', '__ns:=/other')
    try:
        setter = bench.client.create_client(SetParameters, '/other/emotion_node/set_parameters')
        bench.spin_until(setter.service_is_ready, 'the parameter service')
        bench.spin_until(lambda: bench.client.count_publishers('/other/emotions'), 'the node')
        assert processed(bench, setter, change('max_faces', 2)).successful
        unknown = Parameter(name='max_faces', value=ParameterValue(type=99))
        setter.call_async(SetParameters.Request(parameters=[unknown]))
        # The same client's requests are processed in their order: this one comes after it.
        assert processed(bench, setter, change('max_faces', 3)).successful
        code, _, err = interrupt(process)
    finally:
        process.kill()
    assert code == 0
    assert 'the node goes on: ValueError: 99 is not a valid Parameter.Type' in err
    assert 'Traceback' not in err
