"""`emotion annotate-bag`: a rosbag with emotions added."""

import argparse
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from emotion_perception.bags.annotate import AnnotateOptions, AnnotateReport, annotate_bag
from emotion_perception.bags.reader import BagReader
from emotion_perception.cli.options import (
    add_bag_options,
    add_pipeline_options,
    annotate_options_from,
    load_pipeline,
)
from emotion_perception.cli.signals import StopRequest
from emotion_perception.errors import BagError
from emotion_perception.outputs.results import Summary
from emotion_perception.outputs.run import note, say
from emotion_perception.types import Face, Frame

DESCRIPTION = """\
Copies a rosbag2 bag (sqlite3 or MCAP) and adds the emotions in its images on /emotions
(emotion_msgs/msg/FaceEmotionArray) and the annotated images on /emotions/image. The original
messages keep their types, QoS profiles, times and bytes. ROS is not needed."""

EPILOG = """\
examples:
  emotion annotate-bag recording/ recording_emotions/
  emotion annotate-bag recording.mcap out/ --topic /camera/image_raw --compressed
  emotion annotate-bag recording/ out/ --no-overlay --output-topic /robot1/emotions
  ros2 bag play recording_emotions/

OUT appears once it is complete; an interruption leaves nothing. Images that cannot be decoded are
copied, counted and reported. A split or compressed bag becomes one plain file. --blur-faces blurs
the overlay; the original images are copied as they are.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion annotate-bag`."""
    parser.add_argument(
        'source', type=Path, metavar='IN', help='rosbag2 folder, or a single .mcap or .db3 file'
    )
    parser.add_argument('target', type=Path, metavar='OUT', help='folder of the new bag')
    add_bag_options(parser)
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace OUT, if it is a bag, once the new one is whole',
    )
    add_pipeline_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion annotate-bag`; returns its exit code."""
    options = annotate_options_from(arguments)
    total = _image_count(arguments.source, arguments.topic)
    pipeline = load_pipeline(arguments)
    summary = Summary()
    with StopRequest() as stop, tqdm(total=total, unit='image', disable=None) as progress:

        def on_image(frame: Frame | None, faces: list[Face]) -> None:
            stop.raise_if_requested()
            progress.update()
            if frame is not None:
                summary.add(faces)

        report = annotate_bag(arguments.source, arguments.target, pipeline, options, on_image)
    _conclude(report, summary, options, arguments.target)
    return 0


def _image_count(source: Path, topic: str) -> int | None:
    # What is wrong with the bag is told by the real attempt.
    with suppress(BagError), BagReader(source) as reader:
        return reader.image_topic(topic).count
    return None


def _conclude(
    report: AnnotateReport, summary: Summary, options: AnnotateOptions, target: Path
) -> None:
    if report.bad_images:
        note(
            f'warning: {report.bad_images} of {report.images + report.bad_images} images on '
            f'{report.topic} could not be decoded and have no result; the first one: '
            f'{report.first_problem}'
        )
    if report.foreign_topics:
        note(
            f'warning: {", ".join(report.foreign_topics)} not copied: the messages there are '
            'none of ROS 2.'
        )
    say(summary.format())
    added = [options.output_topic, *([options.overlay_topic] if options.overlay else [])]
    say(f'wrote {target}: {report.messages} messages copied, {" and ".join(added)} added')
