"""A node as a process: what it must not do however long it runs."""

import json
import subprocess
from pathlib import Path

from processes import TIMEOUT_S, run, start

from emotion_perception.signals import end_signals

BUSY_NODE = str(Path(__file__).with_name('busy_node.py'))
CALLBACKS = 3000


def test_callbacks_leave_nothing_behind():
    code, out, err = run([BUSY_NODE, str(CALLBACKS)])
    assert code == 0, err
    blocks = json.loads(out)
    assert blocks['end'] - blocks['start'] < CALLBACKS / 10


# What is left when Python has dropped its handlers: here an object that waits, else ROS's context.
LAST_STEPS = """
import os
from rclpy.node import Node
from emotion_bringup.running import run_nodes

class Leftover:
    def __del__(self, write=os.write, read=os.read):
        write(1, b'ending\\n')
        read(0, 1)

def make(stop):
    node = Node('ending')
    node.close = lambda: None
    stop()
    return node

leftover = Leftover()
raise SystemExit(run_nodes([make]))
"""


def test_signals_do_not_disturb_the_last_steps_of_a_process():
    process = start(['-c', LAST_STEPS], stdin=subprocess.PIPE)
    assert process.stdout.readline() == 'ending\n', process.stderr.read()
    for number in end_signals():
        process.send_signal(number)
    assert process.communicate('\n', timeout=TIMEOUT_S)[1] == ''
    assert process.returncode == 0
