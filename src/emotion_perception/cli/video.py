"""`emotion video`: every frame of something that has an end."""

import argparse
from pathlib import Path

from tqdm import tqdm

from emotion_perception.address import shown_source
from emotion_perception.cli.options import (
    add_pipeline_options,
    add_video_outputs,
    load_pipeline,
    style_from,
)
from emotion_perception.cli.signals import StopRequest
from emotion_perception.drawing import OverlayStyle
from emotion_perception.errors import SourceError
from emotion_perception.outputs.names import refuse_overwriting
from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.outputs.run import Recording, RunOutputs
from emotion_perception.outputs.sound import unless_blurred
from emotion_perception.outputs.timeline import TimelineImage
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.settings.setting import add_settings
from emotion_perception.settings.tables import FRAME_RATE, IMAGE_TOPIC, MCAP, TIMELINE
from emotion_perception.sources import FrameSource, SourceOptions, open_source
from emotion_viewers.foxglove.recorder import McapOutput

DESCRIPTION = """\
Reads the emotions in every frame of a video, as fast as this machine can, and prints a line per
frame (stamp, then track id, emotion, confidence and box of each face) and a summary."""

EPILOG = """\
examples:
  emotion video clip.mp4 -o out.mp4 --json out.jsonl
  emotion video party.gif -o party_emotions.gif --quiet
  emotion video 'frames/*.png' --frame-rate 25 -o out.mp4
  emotion video recording/ --topic /camera/image_raw --json out.jsonl
  emotion video demo -o demo.mp4
  emotion video clip.mp4 --timeline emotions.png --mcap out.mcap

The sound of a video file is kept in .mp4 and .mkv, as it is; where it is not, a line says why.
Ctrl-C ends early: the video, the JSON lines and the recording are finished properly.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion video`."""
    parser.add_argument(
        'source',
        metavar='CLIP',
        help='video file, GIF, image, folder of images, glob pattern, rosbag (folder, .mcap, '
        '.db3, .bag), or demo (a made-up clip of two real faces)',
    )
    add_video_outputs(parser)
    add_settings(parser, [TIMELINE, MCAP, FRAME_RATE, IMAGE_TOPIC])
    add_pipeline_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion video`; returns its exit code."""
    files = (arguments.output, arguments.json, arguments.mcap, arguments.timeline)
    refuse_overwriting([arguments.source], files)
    options = SourceOptions(frame_rate=arguments.frame_rate, topic=arguments.topic)
    with open_source(arguments.source, options) as source:
        if source.live:
            shown = shown_source(arguments.source)
            raise SourceError(f'{source.name} has no end: use `emotion live {shown}`.')
        pipeline = load_pipeline(arguments)
        style = style_from(arguments)
        with (
            StopRequest() as stop,
            RunOutputs(
                _recorder(arguments.output, source, style),
                arguments.json,
                lines=not arguments.quiet,
                style=style,
                recordings=_recordings(arguments, style),
            ) as outputs,
        ):
            failure = _process(source, pipeline, outputs, stop)
        outputs.report(pipeline.classifier, source.skipped)
        if failure is not None:
            raise failure
        return stop.exit_code


def _recorder(path: Path | None, source: FrameSource, style: OverlayStyle) -> VideoRecorder | None:
    if path is None:
        return None
    sound = unless_blurred(source.sound, style.blur)
    return VideoRecorder(path, stated_rate=source.frame_rate, sound=sound)


def _recordings(arguments: argparse.Namespace, style: OverlayStyle) -> list[Recording]:
    found: list[Recording] = []
    if arguments.timeline:
        found.append(TimelineImage(arguments.timeline))
    if arguments.mcap:
        found.append(McapOutput(arguments.mcap, blur=style.blur))
    return found


def _process(
    source: FrameSource, pipeline: EmotionPipeline, outputs: RunOutputs, stop: StopRequest
) -> SourceError | None:
    """Runs to the end, to a signal, or to where the clip is damaged, which is returned."""
    with tqdm(total=source.frame_count, unit='frame', disable=None) as progress:
        try:
            for frame in source:
                outputs.add(frame, pipeline.process(frame.image, frame.stamp_ns))
                progress.update()
                if stop.requested:
                    break
        except SourceError as error:
            return error
    return None
