"""The logger in examples/ keeps every face on /emotions, as CSV and as Parquet."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from awaiting import terminate
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from emotion_msgs.msg import FaceEmotion, FaceEmotionArray

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'log_emotions.py'
MESSAGES = 40
PATIENCE = 120


def message(index):
    """An image with one face; every fourth has none, every fifth two."""
    count = 0 if index % 4 == 0 else 1 + (index % 5 == 0)
    faces = [
        FaceEmotion(
            track_id=track,
            box=RegionOfInterest(x_offset=index, y_offset=2, width=30, height=40),
            emotion='Happy',
            emotion_id=FaceEmotion.HAPPY,
            confidence=0.75,
            probabilities=[0.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.25],
        )
        for track in range(1, count + 1)
    ]
    header = Header(stamp=Time(sec=7, nanosec=index), frame_id='camera')
    return FaceEmotionArray(header=header, image_width=640, image_height=480, faces=faces)


EXPECTED = [
    (7 * 10**9 + index, face.track_id if face else None)
    for index in range(MESSAGES)
    for face in (message(index).faces or [None])
]


def wait_for(node, executor, condition):
    """Spins until a condition holds."""
    reached = rclpy.Future()

    def check():
        if condition() and not reached.done():
            reached.set_result(None)

    timer = node.create_timer(0.02, check)
    executor.spin_until_future_complete(reached, timeout_sec=PATIENCE)
    node.destroy_timer(timer)
    assert reached.done()


def publish_to(command, csv_path):
    """Runs the logger, publishes all messages, and ends it when they are in the CSV file."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('test_log_emotions', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    publisher = node.create_publisher(FaceEmotionArray, 'emotions', 1000)
    process = subprocess.Popen(command)
    try:
        wait_for(node, executor, publisher.get_subscription_count)
        for index in range(MESSAGES):
            publisher.publish(message(index))
        lines = len(EXPECTED) + 1
        wait_for(node, executor, lambda: csv_path.read_text().count('\n') == lines)
    finally:
        assert terminate(process, PATIENCE) in (0, -15)
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_every_face_and_every_empty_image_has_its_row(tmp_path):
    csv_path, parquet_path = tmp_path / 'emotions.csv', tmp_path / 'emotions.parquet'
    parameters = ['-p', f'csv:={csv_path}']
    has_arrow = importlib.util.find_spec('pyarrow') is not None
    if has_arrow:
        parameters += ['-p', f'parquet:={parquet_path}']
    publish_to([sys.executable, str(EXAMPLE), '--ros-args', *parameters], csv_path)

    with csv_path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(int(r['stamp_ns']), int(r['track_id'] or 0) or None) for r in rows] == EXPECTED
    assert rows[1]['emotion'] == 'Happy' and float(rows[1]['p_happy']) == 0.75
    assert (rows[1]['x'], rows[1]['width'], rows[0]['emotion']) == ('1', '30', '')
    if not has_arrow:
        pytest.skip('the CSV file is right; pyarrow is not installed: make examples-env')
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(parquet_path)
    stamps, tracks = (table[name].to_pylist() for name in ('stamp_ns', 'track_id'))
    assert list(zip(stamps, tracks, strict=True)) == EXPECTED
    assert str(table.schema.field('p_neutral').type) == 'float'
    assert not list(tmp_path.glob('*.part'))
