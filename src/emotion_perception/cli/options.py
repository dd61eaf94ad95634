"""The options that several commands share."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

from emotion_perception.bags.annotate import EMOTIONS_TOPIC, AnnotateOptions
from emotion_perception.drawing import OverlayStyle
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks, load_networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.settings import tables
from emotion_perception.settings.setting import add_settings, by_name

_PIPELINE: Final = tuple(PipelineSettings.__dataclass_fields__)


def add_video_outputs(parser: argparse.ArgumentParser) -> None:
    """Adds the options of what is kept of a stream of frames, and told of it."""
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        metavar='FILE',
        help='annotated video: .mp4, .mkv, .avi or .gif',
    )
    parser.add_argument(
        '--json',
        type=Path,
        metavar='FILE',
        help='one JSON document per line and frame; - is the standard output',
    )
    parser.add_argument('--quiet', action='store_true', help='no line per frame, only the summary')
    add_settings(parser, [tables.BLUR_FACES])


def add_bag_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of an annotated copy of a bag."""
    parser.add_argument(
        '--output-topic',
        type=_topic_name,
        default=EMOTIONS_TOPIC,
        metavar='TOPIC',
        help='topic of the emotions in the copy of a bag; the overlay gets it with /image behind '
        '(default: %(default)s)',
    )
    overlay = parser.add_mutually_exclusive_group()
    overlay.add_argument(
        '--no-overlay', action='store_true', help='add the emotions only to the copy of a bag'
    )
    overlay.add_argument(
        '--compressed',
        action='store_true',
        help='overlay in the copy of a bag as JPEG, on TOPIC/image/compressed',
    )
    add_settings(parser, [tables.IMAGE_TOPIC, tables.BLUR_FACES])


def annotate_options_from(arguments: argparse.Namespace) -> AnnotateOptions:
    """What to add to a bag; an older one is replaced only where the subcommand offers it."""
    return AnnotateOptions(
        topic=arguments.topic,
        output_topic=arguments.output_topic,
        overlay=not arguments.no_overlay,
        compressed=arguments.compressed,
        style=style_from(arguments),
        overwrite=getattr(arguments, 'overwrite', False),
    )


def _topic_name(text: str) -> str:
    parts = text.removeprefix('/').split('/')
    if not all(part.isidentifier() and part.isascii() for part in parts):
        raise argparse.ArgumentTypeError(f'{text!r} is no topic name, such as /robot1/emotions')
    return f'/{"/".join(parts)}'


def add_pipeline_options(
    parser: argparse.ArgumentParser, *, stream: bool = True, num_threads: int | None = None
) -> None:
    """Adds the options of the pipeline.

    Args:
        parser: Of a subcommand.
        stream: Whether to add those that concern the time between frames.
        num_threads: Another default than that of the nodes.
    """
    networks = by_name(tables.NETWORKS)
    if num_threads is not None:
        networks['num_threads'] = replace(networks['num_threads'], default=num_threads)
    add_settings(parser.add_argument_group('networks'), networks.values())
    faces = parser.add_argument_group('faces and emotions')
    add_settings(faces, (*tables.FACES, *tables.STREAM) if stream else tables.FACES)


def style_from(arguments: argparse.Namespace) -> OverlayStyle:
    """What is drawn onto annotated images."""
    return OverlayStyle(blur=arguments.blur_faces)


def settings_from(arguments: argparse.Namespace, *, live: bool = False) -> PipelineSettings:
    """The pipeline's settings; those that the subcommand does not offer have their defaults."""
    given = {name: value for name, value in vars(arguments).items() if name in _PIPELINE}
    given['detect_every_n'] = tables.search_interval(
        given.get('detect_every_n', 0), live=live, blurred=getattr(arguments, 'blur_faces', False)
    )
    return PipelineSettings(**given)


def providers_from(arguments: argparse.Namespace) -> ProviderSettings:
    """The hardware of the networks."""
    return ProviderSettings(
        tuple(arguments.providers), arguments.strict_providers, arguments.num_threads
    )


def networks_from(arguments: argparse.Namespace) -> Networks:
    """Loads the networks; raises what `load_networks` raises."""
    return load_networks(
        arguments.model, arguments.detector, providers_from(arguments), arguments.labels
    )


def load_pipeline(arguments: argparse.Namespace, *, live: bool = False) -> EmotionPipeline:
    """Loads a pipeline for one stream; raises what `load_networks` raises."""
    settings = settings_from(arguments, live=live)
    return EmotionPipeline(networks_from(arguments), settings, in_background=live)
