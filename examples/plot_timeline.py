"""Draws who looked how, and when: a lane for every person of an annotated bag.

It reads /emotions, as `emotion annotate-bag`, `emotion batch` or `ros2 bag record` leave it. ROS is
not needed, only rosbags and matplotlib (`make examples-env`):

    emotion annotate-bag recording/ recording_emotions/
    python3 examples/plot_timeline.py recording_emotions/ timeline.png
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from rosbags.highlevel import AnyReader, AnyReaderError

from emotion_perception.drawing import EMOTION_COLORS
from emotion_perception.labels import EMOTION_NAMES

# A person who is away for longer leaves a gap in the lane.
LONGEST_GAP_S = 1.0
Lane = list[tuple[float, np.ndarray]]


def read_lanes(bag: Path, topic: str) -> dict[int, Lane]:
    """Reads the probabilities of every person.

    Args:
        bag: A rosbag2 folder that carries the definitions of its types, as rosbag2 writes them.
        topic: Of the type emotion_msgs/msg/FaceEmotionArray.

    Returns:
        By track id: (seconds since the first image, float32 [7]) for every image of the person.

    Raises:
        SystemExit: There is no such bag or topic, or not one face.
    """
    lanes: dict[int, Lane] = defaultdict(list)
    first_s = None
    try:
        with AnyReader([bag]) as reader:
            connections = [c for c in reader.connections if c.topic == topic]
            if not connections:
                there = ', '.join(sorted(reader.topics))
                sys.exit(f'{bag} has no {topic}: annotate it first, or choose among {there}.')
            for connection, _, data in reader.messages(connections):
                message = reader.deserialize(data, connection.msgtype)
                at_s = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
                first_s = at_s if first_s is None else first_s
                for face in message.faces:
                    lanes[face.track_id].append((at_s - first_s, np.asarray(face.probabilities)))
    except (AnyReaderError, OSError) as error:
        sys.exit(f'{bag} cannot be read ({error}).')
    if not lanes:
        sys.exit(f'{bag} has no face on {topic}.')
    return dict(lanes)


def draw(lanes: dict[int, Lane], most: int) -> plt.Figure:
    """Draws the people who were in view for the longest time, in the order of their arrival."""
    shown = sorted(sorted(lanes, key=lambda track: -len(lanes[track]))[:most])
    figure, rows = plt.subplots(
        len(shown), 1, sharex=True, squeeze=False, figsize=(10, 1.0 + 0.9 * len(shown)), dpi=120
    )
    for axes, track in zip(rows[:, 0], shown, strict=True):
        draw_lane(axes, lanes[track])
        axes.set_ylabel(f'person {track}', rotation=0, ha='right', va='center')
    rows[-1, 0].set_xlabel('seconds since the first image')
    handles, labels = rows[0, 0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), ncols=7, loc='upper center', frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
    return figure


def draw_lane(axes: Axes, lane: Lane) -> None:
    """Draws the probabilities of one person on top of one another, 0..1."""
    times = np.array([time for time, _ in lane])
    probabilities = np.array([row for _, row in lane])
    colors = [tuple(part / 255 for part in EMOTION_COLORS[e][::-1]) for e in EMOTION_COLORS]
    for part in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > LONGEST_GAP_S) + 1):
        axes.stackplot(times[part], probabilities[part].T, colors=colors, labels=EMOTION_NAMES)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines[['top', 'right', 'left']].set_visible(False)


def main() -> None:
    """Reads the bag and writes the image."""
    parser = argparse.ArgumentParser(description='Timeline of every person in an annotated bag.')
    parser.add_argument('bag', type=Path, help='rosbag2 folder')
    parser.add_argument('image', type=Path, help='.png, .svg or .pdf')
    parser.add_argument('--topic', default='/emotions')
    parser.add_argument('--people', type=int, default=12, help='lanes at most (default: 12)')
    options = parser.parse_args()
    figure = draw(read_lanes(options.bag, options.topic), options.people)
    figure.savefig(options.image)
    print(f'wrote {options.image}')


if __name__ == '__main__':
    main()
