"""Ctrl-C, SIGTERM and closed terminals at moments that differ, but not from run to run."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from awaiting import wait_for_files
from terminal import Terminal

from emotion_perception.bags.reader import BagReader
from emotion_perception.bags.writer import BagWriter
from emotion_perception.cli.signals import (
    StopRequest,
    Terminated,
    signals_interrupt,
    signals_wait,
)

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'
SIGNALS = {
    signal.SIGINT: (130, -signal.SIGINT),
    signal.SIGTERM: (143, -signal.SIGTERM),
    signal.SIGHUP: (129, -signal.SIGHUP),
}
"""Exit codes; the second one, for the shell the same, is Python's own before `main` begins."""

# Which module has just been imported: moments of the start, before a frame is read.
STARTS = {
    '_multiarray_umath': signal.SIGTERM,
    'cv2': signal.SIGINT,
    'onnxruntime_pybind11_state': signal.SIGTERM,
}
TELL_IMPORTS = ('-X', 'importtime')
LINES = random.Random(5).sample(range(1, 40), 2)
TIMEOUT_S = 180


def start(*arguments, options=(), before=()):
    return subprocess.Popen(
        [*before, sys.executable, *options, '-m', 'emotion_perception.cli', *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def environment():
    return {**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER)}


def await_import(process, name):
    """Waits until a process that tells its imports has imported a module."""
    said = []
    for line in process.stderr:
        module = line.rpartition('|')[2].strip()
        if module.rpartition('.')[2] == name:
            return
        said.append(line)
    raise AssertionError(said)


def await_folder(process, folder):
    def is_there():
        assert process.poll() is None, process.stderr.read()
        return folder.exists()

    wait_for_files(is_there, folder.parent, process=process.pid)


def await_lines(process, count):
    for _ in range(count):
        assert process.stdout.readline(), process.stderr.read()


def either(*moment):
    """One of the signals: the same one for the same moment."""
    return random.Random(str(moment)).choice(list(SIGNALS))


def end(process, number):
    """Sends a signal; the process must end with its code and without a traceback."""
    process.send_signal(number)
    error = process.communicate(timeout=TIMEOUT_S)[1]
    assert process.returncode in SIGNALS[number]
    if process.returncode > 0:
        assert 'Traceback' not in error
    return process.returncode


def check_outputs(video, lines, *, is_whole):
    """Whole lines, and a video that can be read to its end and searched."""
    text = lines.read_text()
    assert text.endswith('\n')
    records = [json.loads(line) for line in text.splitlines()]
    capture = cv2.VideoCapture(str(video))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.set(cv2.CAP_PROP_POS_FRAMES, count - 1)
    assert capture.read()[0]
    capture.release()
    assert b'moov' in video.read_bytes()[:4096]  # the index is in front
    assert count >= 1 and (not is_whole or count == len(records))


@pytest.fixture(scope='module')
def clip(tmp_path_factory, portrait):
    """Sixty images with a face, small enough to be quick."""
    folder = tmp_path_factory.mktemp('clip')
    small = cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA)
    for index in range(60):
        cv2.imwrite(str(folder / f'{index:02}.png'), np.roll(small, index, axis=1))
    return folder


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / 'out.mp4', tmp_path / 'out.jsonl'


@pytest.mark.parametrize(('module', 'number'), STARTS.items())
def test_a_signal_during_the_start_leaves_no_half_files(clip, outputs, tiny_model, module, number):
    video, lines = outputs
    words = ('video', clip, '-o', video, '--json', lines, '--model', tiny_model)
    process = start(*words, options=TELL_IMPORTS)
    await_import(process, module)
    end(process, number)
    assert not video.exists()
    assert not lines.exists() or lines.read_bytes() == b''


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_that_a_library_swallowed_counts_before_anything_is_opened(number):
    with signals_interrupt():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        kind = KeyboardInterrupt if number == signal.SIGINT else Terminated
        with pytest.raises(kind), StopRequest():
            pass
    with signals_interrupt(), StopRequest() as stop:
        assert not stop.requested


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_waits_for_the_end_of_an_import(number):
    kind = KeyboardInterrupt if number == signal.SIGINT else Terminated
    imported = False
    with signals_interrupt(), pytest.raises(kind), signals_wait():
        os.kill(os.getpid(), number)
        imported = True
    assert imported


@pytest.mark.parametrize('count', LINES)
@pytest.mark.parametrize('command', ['video', 'live'])
def test_a_signal_in_mid_stream_leaves_readable_files(clip, outputs, tiny_model, command, count):
    video, lines = outputs
    options = ['--no-window', '--loop'] if command == 'live' else []
    process = start(command, clip, *options, '-o', video, '--json', lines, '--model', tiny_model)
    await_lines(process, count)
    assert end(process, either(command, count)) > 0
    check_outputs(video, lines, is_whole=command == 'video')


def test_two_signals_end_it_at_once_and_the_video_can_be_read(clip, outputs, tiny_model):
    video, lines = outputs
    process = start('video', clip, '-o', video, '--json', lines, '--model', tiny_model)
    await_lines(process, 12)
    process.send_signal(signal.SIGINT)
    end(process, signal.SIGTERM)
    text = lines.read_text()
    assert text.endswith('\n') and [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize('count', LINES)
@pytest.mark.parametrize('command', ['video', 'live'])
def test_a_closed_terminal_leaves_readable_files(clip, outputs, tiny_model, command, count):
    video, lines = outputs
    options = ['--no-window', '--loop'] if command == 'live' else []
    words = (command, clip, *options, '-o', video, '--json', lines, '--model', tiny_model)
    program = [sys.executable, '-m', 'emotion_perception.cli', *map(str, words)]
    terminal = Terminal(program, environment())
    terminal.read_until(lambda shown: shown.count(b'#1 ') >= count)
    terminal.close()
    assert terminal.wait(TIMEOUT_S) == 129
    check_outputs(video, lines, is_whole=command == 'video')


CLOSED = """
import signal, sys
from emotion_perception.signals import leave_closed_terminal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
print(leave_closed_terminal(), flush=True)
signal.sigwait({signal.SIGHUP})
sys.exit(10 * leave_closed_terminal() + leave_closed_terminal())
"""


def test_a_closed_terminal_is_remembered():
    """The signal comes between an error of writing and the question what that error was."""
    terminal = Terminal([sys.executable, '-c', CLOSED], environment())
    terminal.read_until(lambda shown: b'False\r\n' in shown)
    terminal.close()
    assert terminal.wait(TIMEOUT_S) == 11


def test_a_program_that_shall_outlive_its_terminal_does(clip, outputs, tiny_model):
    video, lines = outputs
    words = ('video', clip, '-o', video, '--json', lines, '--model', tiny_model)
    process = start(*words, before=['nohup'])
    await_lines(process, 1)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert len(lines.read_text().splitlines()) == 60


@pytest.mark.parametrize('module', ['onnxruntime_pybind11_state', ''])
def test_a_signal_leaves_no_part_of_a_bag(tmp_path, tiny_model, module):
    recording, target = write_bag(tmp_path / 'in' / 'bag'), tmp_path / 'out' / 'bag'
    words = ('annotate-bag', recording, target, '--model', tiny_model)
    process = start(*words, options=TELL_IMPORTS)
    if module:
        await_import(process, module)
    else:
        await_folder(process, target.parent)
    end(process, either('bag', module))
    assert not target.exists()
    assert not target.parent.exists() or not list(target.parent.iterdir())
    with BagReader(recording) as reader:
        assert reader.topics[0].count == 500


def write_bag(path):
    from emotion_perception.bags.messages import emotion_typestore, image_message

    types, kind = emotion_typestore(), 'sensor_msgs/msg/Image'
    stamp = types.types['builtin_interfaces/msg/Time'](sec=5, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
    message = image_message(types, header, np.full((240, 320, 3), 90, np.uint8))
    data = types.serialize_cdr(message, kind)
    with BagWriter(path, typestore=types) as writer:
        topic = writer.add_topic('/image_raw', kind)
        for index in range(500):
            writer.write(topic, 10**18 + index, data)
    return path
