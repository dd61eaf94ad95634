"""Nothing is stored, and no image leaves, unless somebody asks for it."""

import json

import cv2
import numpy as np
import pytest
from processes import assert_one_sentence, run
from ros_bench import ASTRONAUT_BOX, EmotionBench, OverlayBench, image_message, parameters
from std_msgs.msg import Empty

from emotion_bringup import qos
from emotion_bringup.conversion import image_from_message
from emotion_bringup.graph import FULL_SEARCH
from emotion_bringup.session.arguments import add_arguments, options_from
from emotion_bringup.session.processes import node_arguments
from emotion_perception.cli.main import main
from emotion_perception.drawing import OverlayStyle, draw_faces
from emotion_perception.types import Box, Face

FACE = Face(
    track_id=4,
    box=Box(*(float(value) for value in ASTRONAUT_BOX)),
    score=0.9,
    landmarks=None,
    emotion_id=3,
    confidence=0.7,
    probabilities=np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32),
)


@pytest.fixture(scope='module')
def frames(tmp_path_factory, astronaut):
    """A folder of three images of a face."""
    folder = tmp_path_factory.mktemp('frames')
    for index in range(3):
        cv2.imwrite(str(folder / f'{index}.png'), np.roll(astronaut, index, axis=1))
    return folder


@pytest.fixture
def run_as_newcomer(tmp_path):
    """Runs `emotion ...` where nothing has ever been; returns (exit code, files left)."""

    def emotion(*arguments):
        homes = {name: tmp_path / name for name in ('HOME', 'TMPDIR')}
        for folder in homes.values():
            folder.mkdir(exist_ok=True)
        # What would send files elsewhere, and what keeps ONNX Runtime from its telemetry: this
        # process has set the second itself, and the third is usual in CI.
        unset = (
            *('XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'ROS_LOG_DIR', 'ROS_HOME'),
            *('ORT_DISABLE_TELEMETRY', 'CI', 'ORT_RUNNING_UNIT_TESTS'),
        )
        command = f"""
import os, sys
os.chdir({str(homes['HOME'])!r})
for name in {unset!r}:
    os.environ.pop(name, None)
from emotion_perception.cli.main import main
sys.exit(main({[str(argument) for argument in arguments]!r}))
"""
        places = {name: str(folder) for name, folder in homes.items()}
        code, _, err = run(['-c', command], PYTHONDONTWRITEBYTECODE='1', **places)
        assert code == 0, err
        return [path for path in tmp_path.rglob('*') if path.is_file()]

    return emotion


def is_prepared_network(path):
    return '/.cache/emotion_bringup/centerface-' in path.as_posix()


def is_log_without_results(path):
    """A text of ROS, in which no emotion is named."""
    if '/.ros/log/' not in path.as_posix():
        return False
    text = path.read_text(encoding='utf-8')
    return not any(word in text for word in ('Happy', 'Neutral', 'probabilities'))


@pytest.mark.parametrize('command', ['image', 'video', 'live'])
def test_a_command_leaves_nothing_but_the_prepared_network(
    run_as_newcomer, frames, model_path, command
):
    source = frames / '0.png' if command == 'image' else frames
    options = ['--no-window'] if command == 'live' else []
    left = run_as_newcomer(command, source, *options, '--model', model_path)
    assert [path for path in left if not is_prepared_network(path)] == []


def test_the_nodes_leave_nothing_but_the_prepared_network_and_logs(
    run_as_newcomer, frames, model_path
):
    left = run_as_newcomer('nodes', '--source', frames, '--model', model_path)
    others = [path for path in left if not is_prepared_network(path)]
    assert [path for path in others if not is_log_without_results(path)] == []


# --- results without images ----------------------------------------------------------------------


def session_options(*arguments):
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_from(parser.parse_args(arguments))


def test_a_session_can_do_without_the_overlay_node():
    assert 'overlay_node' in node_arguments(session_options(), 'live')
    assert 'overlay_node' not in node_arguments(session_options('--no-overlay'), 'live')


@pytest.mark.parametrize('wanted', [['--show'], ['--video', 'out.mp4']])
def test_what_only_the_overlay_makes_is_refused_without_it(wanted, capsys):
    assert main(['nodes', '--source', 'demo', '--no-overlay', *wanted]) == 1
    assert_one_sentence(capsys.readouterr().err, '--no-overlay')


def test_a_session_without_overlay_results_every_frame(
    run_as_newcomer, frames, model_path, tmp_path
):
    path = tmp_path / 'HOME' / 'out.jsonl'
    run_as_newcomer(
        'nodes', '--source', frames, '--model', model_path, '--no-overlay', '--json', path
    )
    lines = path.read_text(encoding='utf-8').splitlines()
    assert [len(json.loads(line)['faces']) for line in lines] == [1, 1, 1]


# --- blurred faces -------------------------------------------------------------------------------


def test_the_overlay_blurs_faces_as_soon_as_it_is_told_to(astronaut):
    bench = OverlayBench(parameters(mode='live'))
    try:
        bench.watch()
        plain = image_from_message(bench.draw(image_message(astronaut), [FACE]))
        assert bench.set_parameter('blur_faces', True) == (True, '')
        hidden = image_from_message(bench.draw(image_message(astronaut), [FACE]))
    finally:
        bench.close()
    x, y, width, height = ASTRONAUT_BOX
    eyes = slice(y + height // 4, y + height // 2), slice(x + 10, x + width - 10)
    assert cv2.Laplacian(plain[eyes], cv2.CV_64F).var() > 500
    assert cv2.Laplacian(hidden[eyes], cv2.CV_64F).var() < 10
    assert np.array_equal(hidden, draw_faces(astronaut, [FACE], OverlayStyle(blur=True)))


def test_the_overlay_asks_for_full_searches_while_it_blurs_and_is_watched():
    bench = OverlayBench(parameters(mode='live', blur_faces=True))
    asked = bench.client.create_publisher(Empty, FULL_SEARCH, qos.FULL_SEARCH)
    try:
        bench.next_status()  # the participants have met
        assert asked.get_subscription_count() == 0
        bench.watch()
        bench.spin_until(asked.get_subscription_count, 'the wish')
        assert bench.set_parameter('blur_faces', False) == (True, '')
        bench.spin_until(lambda: not asked.get_subscription_count(), 'the end of the wish')
        assert bench.set_parameter('blur_faces', True) == (True, '')
        bench.spin_until(asked.get_subscription_count, 'the wish')
    finally:
        bench.close()


def faces_seen_at_once(bench, astronaut):
    """How many of five faces that come and go are found in the first image that shows them."""
    blank = np.full_like(astronaut, 128)
    found = 0
    for _ in range(5):
        bench.ask(blank)
        found += len(bench.ask(astronaut).faces)
    return found


def test_no_face_appears_late_while_somebody_blurs(astronaut, model_path):
    """Whatever `detect_every_n` says; and as it says again as soon as nobody blurs any more."""
    bench = EmotionBench(parameters(model_path=model_path, detect_every_n=5))
    try:
        bench.connect(astronaut)
        assert faces_seen_at_once(bench, astronaut) < 5
        wish = bench.client.create_subscription(Empty, FULL_SEARCH, print, qos.FULL_SEARCH)
        searching = bench.node._full_search_publisher
        bench.spin_until(searching.get_subscription_count, 'the wish')
        bench.spin_until(lambda: bench.node._pipeline.settings.detect_every_n == 1, 'the change')
        assert faces_seen_at_once(bench, astronaut) == 5
        assert bench.set_parameter('detect_every_n', 7) == (True, '')
        assert faces_seen_at_once(bench, astronaut) == 5
        bench.client.destroy_subscription(wish)
        bench.spin_until(lambda: bench.node._pipeline.settings.detect_every_n == 7, 'the change')
        assert faces_seen_at_once(bench, astronaut) < 5
    finally:
        bench.close()


def test_a_session_passes_the_wish_for_blurred_faces_on():
    arguments = node_arguments(session_options('--blur-faces'), 'live')
    assert 'blur_faces:=true' in arguments['overlay_node']
    # Not said is not no: the parameter file may say yes.
    assert not any(
        'blur_faces' in argument
        for argument in node_arguments(session_options(), 'live')['overlay_node']
    )
