"""Draws a moment of a recording as the Foxglove layout arranges it, without Foxglove.

The image and its annotations, the probabilities and the states are read from the .mcap file by
the topics, message paths and colours of config/foxglove/emotions.json. It needs matplotlib, mcap,
protobuf and rosbags (`make examples-env foxglove-env`):

    emotion video clip.mp4 --mcap out.mcap
    python3 examples/draw_recording.py out.mcap moment.png --at 2.5
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import cv2
import matplotlib.pyplot as plt
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from matplotlib.axes import Axes
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from emotion_perception.files.resources import config_path

LAYOUT = config_path('foxglove') / 'emotions.json'
Messages = dict[str, list[tuple[float, Any]]]
"""By topic: (seconds since the first message, message)."""


def read(path: Path) -> Messages:
    """Reads every message of a recording by the definitions in it.

    Raises:
        SystemExit: The file cannot be read, or is no recording of this package.
    """
    found: Messages = defaultdict(list)
    parsers: dict[str, Callable[[bytes], Any]] = {}
    try:
        with path.open('rb') as file:
            for schema, channel, record in make_reader(file).iter_messages():
                seconds = record.log_time / 1e9
                parse = parsers.get(schema.name) or parser(schema.name, schema.data, channel)
                parsers[schema.name] = parse
                found[channel.topic].append((seconds, parse(record.data)))
    except (OSError, McapError) as error:
        sys.exit(f'{path} cannot be read as MCAP ({error}).')
    if not found:
        sys.exit(f'{path} is no recording of `emotion video --mcap` or of the Foxglove node.')
    first = min(messages[0][0] for messages in found.values())
    return {topic: [(at - first, m) for at, m in messages] for topic, messages in found.items()}


def parser(name: str, definition: bytes, channel: Channel) -> Callable[[bytes], Any]:
    """What reads the messages of a channel."""
    if channel.message_encoding == 'protobuf':
        return cast(Callable[[bytes], Any], message_class(name, definition).FromString)
    types = get_typestore(Stores.EMPTY)
    types.register(get_types_from_msg(definition.decode(), name))
    return lambda data: types.deserialize_cdr(data, name)


def message_class(name: str, descriptors: bytes) -> Any:
    """The class of a protobuf message, from the file descriptors in the recording."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def panels(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The first panel of every kind in a layout."""
    if content['type'] == 'panel':
        return {content['panelType']: content}
    found: dict[str, dict[str, Any]] = {}
    for item in (*content.get('items', ()), *content.get('tabs', ())):
        found = {**panels(item['content']), **found}
    return found


def values(messages: Messages, path: str) -> tuple[list[float], list[Any]]:
    """What a message path such as `/emotions.faces[0].emotion` selects, with its times."""
    topic, rest = re.fullmatch(r'(/[\w/]+)((?:\.\w+|\[\d+\])*)', path).groups()
    times, selected = [], []
    for at, message in messages.get(topic, ()):
        value = message
        try:
            for field, index in re.findall(r'\.(\w+)|\[(\d+)\]', rest):
                value = getattr(value, field) if field else value[int(index)]
        except IndexError:  # nobody is there
            continue
        times.append(at)
        selected.append(value)
    return times, selected


def latest(messages: Messages, topic: str, at: float) -> Any:
    """The message of a topic at a time, as a viewer shows it; the first one before that."""
    past = [message for time, message in messages[topic] if time <= at + 1e-6]
    return past[-1] if past else messages[topic][0][1]


def rgba(color: Any) -> tuple[float, float, float, float]:
    """A colour of Foxglove as one of matplotlib."""
    return color.r, color.g, color.b, color.a


def draw_image(axes: Axes, panel: dict[str, Any], messages: Messages, at: float) -> None:
    """The image with its annotations."""
    mode = panel['config']['imageMode']
    data = np.frombuffer(latest(messages, mode['imageTopic'], at).data, np.uint8)
    axes.imshow(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])
    for topic in mode['annotations']:
        annotations = latest(messages, topic, at)
        for part in annotations.points:
            points = np.array([(point.x, point.y) for point in part.points])
            if part.type == part.LINE_LOOP:
                closed = np.vstack((points, points[:1]))
                axes.plot(*closed.T, color=rgba(part.outline_color), lw=part.thickness)
            else:
                axes.plot(*points.T, '.', color=rgba(part.outline_color))
        for text in annotations.texts:
            plate = {'fc': rgba(text.background_color), 'ec': 'none', 'pad': 2}
            place = (text.position.x, text.position.y)
            axes.text(*place, text.text, color=rgba(text.text_color), bbox=plate, fontsize=9)
    axes.axis('off')


def draw_plot(axes: Axes, panel: dict[str, Any], messages: Messages, at: float) -> None:
    """The probabilities over time."""
    for series in panel['config']['paths']:
        axes.plot(*values(messages, series['value']), color=series['color'], label=series['label'])
    axes.axvline(at, color='white', lw=0.8)
    axes.set_ylim(panel['config']['minYValue'], panel['config']['maxYValue'])
    axes.set_ylabel(panel['config']['yAxisLabel'])
    axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)


def draw_states(axes: Axes, panel: dict[str, Any], messages: Messages, at: float) -> None:
    """The emotion over time, in the row of the nearest face."""
    series = panel['config']['paths'][0]
    colors = {one['value']: one['color'] for one in series['customStates']['states']}
    times, states = values(messages, series['value'])
    # A state lasts until the next message, whether or not somebody is there then.
    every = sorted(time for time, _ in messages[series['value'].split('.')[0]])
    ends = dict(pairwise(every))
    for time, state in zip(times, states, strict=True):
        axes.axvspan(time, ends.get(time, time), color=colors[state])
    axes.axvline(at, color='white', lw=0.8)
    axes.set_yticks([0.5], [series['label']])
    axes.set_xlabel('seconds')


def draw(messages: Messages, at: float, output: Path) -> None:
    """Arranges the panels as the layout does and writes the image."""
    content = json.loads(LAYOUT.read_text(encoding='utf-8'))['content']
    shown = panels(content)
    with plt.style.context('dark_background'):
        figure = plt.figure(figsize=(14, 6), layout='constrained')
        shares = [item['proportion'] for item in content['items']]
        grid = figure.add_gridspec(2, 2, width_ratios=shares, height_ratios=(3, 1))
        parts = ((draw_image, 'Image', grid[:, 0]), (draw_plot, 'Plot', grid[0, 1]))
        for paint, kind, place in (*parts, (draw_states, 'StateTransitions', grid[1, 1])):
            axes = figure.add_subplot(place, title=shown[kind]['title'])
            paint(axes, shown[kind], messages, at)
        figure.suptitle('Drawn from the recording by examples/draw_recording.py, not by Foxglove')
        figure.savefig(output, dpi=80)
        plt.close(figure)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('recording', type=Path, help='.mcap file')
    parser.add_argument('output', type=Path, help='image: .png, .jpg or .svg')
    parser.add_argument('--at', type=float, default=0.0, help='seconds from its start')
    arguments = parser.parse_args()
    draw(read(arguments.recording), arguments.at, arguments.output)


if __name__ == '__main__':
    main()
