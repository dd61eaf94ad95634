"""A node as a process: what it must not do however long it runs."""

import json
from pathlib import Path

from processes import run

BUSY_NODE = str(Path(__file__).with_name('busy_node.py'))
CALLBACKS = 3000


def test_callbacks_leave_nothing_behind():
    code, out, err = run([BUSY_NODE, str(CALLBACKS)])
    assert code == 0, err
    blocks = json.loads(out)
    assert blocks['end'] - blocks['start'] < CALLBACKS / 10
