"""The options that several commands share."""

import argparse
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from emotion_perception.bags.annotate import EMOTIONS_TOPIC
from emotion_perception.detection import FaceDetector, create_detector
from emotion_perception.drawing import OverlayStyle
from emotion_perception.errors import OutputError
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import AUTO, SHORT_PROVIDER_NAMES, ProviderSettings
from emotion_perception.labels import FER2013, LABEL_SETS
from emotion_perception.pipeline import LIVE_DETECT_EVERY_N, EmotionPipeline, PipelineSettings


def number(minimum: float, maximum: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a number within limits."""

    def parse(text: str) -> float:
        value = float(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f'{text} is not {_range_text(minimum, maximum)}')
        return value

    parse.__name__ = 'number'  # argparse shows it when float() fails
    return parse


def whole_number(minimum: int, maximum: float = math.inf) -> Callable[[str], int]:
    """An argparse type: a whole number within limits."""

    def parse(text: str) -> int:
        value = int(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f'{text} is not {_range_text(minimum, maximum)}')
        return value

    parse.__name__ = 'whole number'
    return parse


def _range_text(minimum: float, maximum: float) -> str:
    return f'at least {minimum:g}' if math.isinf(maximum) else f'{minimum:g} to {maximum:g}'


def add_output_topic(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names the topic of the emotions in a copy of a bag."""
    parser.add_argument(
        '--output-topic',
        type=_topic_name,
        default=EMOTIONS_TOPIC,
        metavar='TOPIC',
        help='topic of the emotions in the copy of a bag; the overlay gets it with /image behind '
        '(default: %(default)s)',
    )


def _topic_name(text: str) -> str:
    parts = text.removeprefix('/').split('/')
    if not all(part.isidentifier() and part.isascii() for part in parts):
        raise argparse.ArgumentTypeError(f'{text!r} is no topic name, such as /robot1/emotions')
    return f'/{"/".join(parts)}'


_DEFAULTS: Final = PipelineSettings()


def add_pipeline_options(parser: argparse.ArgumentParser, *, stream: bool = True) -> None:
    """Adds the options of the pipeline.

    Args:
        parser: Of a subcommand.
        stream: Whether to add those that concern the time between frames.
    """
    _add_network_options(parser.add_argument_group('networks'))
    faces = parser.add_argument_group('faces and emotions')
    _add_face_options(faces)
    if stream:
        _add_stream_options(faces)


def add_drawing_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of annotated images."""
    parser.add_argument(
        '--blur-faces',
        action='store_true',
        help='make the faces that are found unrecognisable in annotated images',
    )


def style_from(arguments: argparse.Namespace) -> OverlayStyle:
    """What is drawn onto annotated images."""
    return OverlayStyle(blur=arguments.blur_faces)


def settings_from(arguments: argparse.Namespace) -> PipelineSettings:
    """The pipeline's settings; those that the subcommand does not offer have their defaults."""
    names = PipelineSettings.__dataclass_fields__
    return PipelineSettings(
        **{name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    )


def load_networks(arguments: argparse.Namespace) -> tuple[FaceDetector, EmotionClassifier]:
    """Loads detector and classifier.

    Raises:
        ModelError: The model is missing or damaged.
        DetectorError: The detector is unknown or cannot be loaded.
        ProviderError: The wanted hardware is not available.
    """
    providers = ProviderSettings(
        arguments.providers, arguments.strict_providers, arguments.num_threads
    )
    model = arguments.model or default_model_path()
    classifier = EmotionClassifier(model, providers, arguments.labels)
    return create_detector(arguments.detector, providers), classifier


def load_pipeline(arguments: argparse.Namespace, *, in_background: bool = False) -> EmotionPipeline:
    """Loads a pipeline for one stream; raises what `load_networks` raises."""
    networks, settings = load_networks(arguments), settings_from(arguments)
    return EmotionPipeline(*networks, settings, in_background=in_background)


def refuse_overwriting(sources: Iterable[str | Path], outputs: Iterable[Path | None]) -> None:
    """Checks that no output is a source or another output.

    Raises:
        OutputError: One is.
    """
    taken = {Path(source).expanduser().resolve() for source in sources}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise OutputError(f'{path} is read or written already: choose another output.')
        taken.add(path.resolve())


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--model',
        type=Path,
        metavar='FILE',
        help='emotion model: an ONNX file with its manifest beside it (default: the shipped one)',
    )
    group.add_argument(
        '--labels',
        choices=LABEL_SETS,
        default=FER2013,
        help='whose labels to predict: those FER-2013 was published with, or those of the ten '
        'annotators of FER+, who see more neutral faces (default: %(default)s)',
    )
    group.add_argument(
        '--detector',
        default='centerface',
        metavar='NAME',
        help='face detector: centerface, haar, or the path of a YuNet .onnx file '
        '(default: %(default)s)',
    )
    group.add_argument(
        '--providers',
        type=_provider_names,
        default=(AUTO,),
        metavar='LIST',
        help=f'hardware in order of preference, such as cuda,cpu: {AUTO}, '
        f'{", ".join(SHORT_PROVIDER_NAMES)} (default: {AUTO})',
    )
    group.add_argument(
        '--strict-providers', action='store_true', help='fail when the first one is not in use'
    )
    group.add_argument(
        '--num-threads',
        type=whole_number(0, 256),
        default=0,
        metavar='N',
        help='CPU threads of each network; 0 is automatic (default: %(default)s)',
    )


def _add_face_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--confidence-threshold',
        type=number(0, 1),
        default=_DEFAULTS.confidence_threshold,
        metavar='P',
        help='emotions less probable than this are Uncertain, 0..1 (default: %(default)s)',
    )
    group.add_argument(
        '--face-score-threshold',
        type=number(0, 1),
        default=_DEFAULTS.face_score_threshold,
        metavar='S',
        help='detections with a lower score are dropped, 0..1 (default: %(default)s)',
    )
    group.add_argument(
        '--min-face-size',
        type=whole_number(1),
        default=_DEFAULTS.min_face_size,
        metavar='PX',
        help='smaller faces are dropped; larger values are quicker (default: %(default)s pixels)',
    )
    group.add_argument(
        '--max-faces',
        type=whole_number(0),
        default=_DEFAULTS.max_faces,
        metavar='N',
        help='keep only the largest faces; 0 keeps all (default: %(default)s)',
    )


def _add_stream_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--smoothing',
        type=number(0),
        default=_DEFAULTS.smoothing,
        metavar='S',
        help='time constant in seconds that steadies the emotion of each face; 0 is off '
        '(default: %(default)s)',
    )
    group.add_argument(
        '--detect-every-n',
        type=whole_number(1),
        default=_DEFAULTS.detect_every_n,
        metavar='N',
        help='search the whole of every N-th frame for faces, of the others only where faces were, '
        f'which is quicker (default: {_DEFAULTS.detect_every_n}; of emotion live without '
        f'--blur-faces: {LIVE_DETECT_EVERY_N})',
    )


def _provider_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(',') if name.strip())
    if not names:
        raise argparse.ArgumentTypeError('the list is empty')
    return names
