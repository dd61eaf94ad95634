"""How far our networks are from what this machine can do at all.

The floor is the roofline of Williams, Waterman and Patterson, "Roofline: an insightful visual
performance model for multicore architectures", CACM 2009: the multiply-adds at the measured peak
rate, or the bytes at the measured copy rate, whichever takes longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx

from benchmarks import images
from benchmarks.peaks import Peaks, measure_peaks
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings
from benchmarks.timing import measure
from emotion_perception.detection import create_detector
from emotion_perception.detection.base import STREAM_MAX_SIDE
from emotion_perception.detection.centerface import input_size
from emotion_perception.detection.centerface_graph import INPUT_NAME, load_centerface_graph
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings, create_session
from emotion_perception.pipeline import PipelineSettings
from training.comparison.multiply_adds import Work, count

_SIZE_MULTIPLE = 32
_FACES = (1, 8)
_ALONE = 'network alone'
_DEFAULTS = PipelineSettings()


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    work: Work
    milliseconds: float


def run(settings: Settings) -> Findings:
    """Measures the peaks and puts the networks beside them."""
    providers = ProviderSettings(num_threads=settings.threads)
    peaks = measure_peaks(providers, settings.repeats(8))
    cases = [*_classifier_cases(providers, settings), _detector_case(providers, settings)]
    return Findings(
        (_peaks_table(peaks), _table(cases, peaks)),
        (_one_core_bar(settings),),
        (_plot(cases, peaks),),
    )


def floor_ms(work: Work, peaks: Peaks) -> tuple[float, float]:
    """Least time of a pass: (milliseconds of computing, milliseconds of moving)."""
    computing = (
        work.float_multiply_adds / peaks.float_multiply_adds
        + work.integer_multiply_adds / peaks.integer_multiply_adds
    )
    return 1e3 * computing, 1e3 * work.bytes_moved / peaks.copy_bytes


def _one_core_bar(settings: Settings) -> Bar:
    """One face on one thread: a second one mostly waits, its layers take 20 microseconds each."""
    provider = ProviderSettings(num_threads=1)
    peaks = measure_peaks(provider, settings.repeats(4))
    case = next(each for each in _classifier_cases(provider, settings) if _ALONE not in each.name)
    floor = max(floor_ms(case.work, peaks))
    return Bar(
        'Classifier: one face on one thread against the floor of one core, preprocessing included',
        case.milliseconds / floor,
        2.5,
        detail=f'{case.milliseconds:.2f} ms against {floor:.2f} ms',
    )


def _classifier_cases(providers: ProviderSettings, settings: Settings) -> list[_Case]:
    path = default_model_path()
    model = onnx.load(path)
    classifier = EmotionClassifier(path, providers)
    spec = classifier.manifest.preprocessing
    session = create_session(path.read_bytes(), providers)
    name = session.get_inputs()[0].name
    cases = []
    for faces in _FACES:
        shape = (faces, 3, spec.input_size, spec.input_size)
        batch = np.zeros(shape, np.float32)
        crops = np.zeros((faces, spec.face_size, spec.face_size), np.uint8)
        times = measure(
            {
                _ALONE: partial(session.run, None, {name: batch}),
                'with preprocessing': partial(classifier.classify, crops),
            },
            settings.repeats(15),
            block=2,
        )
        work = count(model, {name: shape})
        cases += [
            _Case(f'classifier, {faces} face{"s" * (faces > 1)}, {what}', work, timing.wall.p50)
            for what, timing in times.items()
        ]
    return cases


def _detector_case(providers: ProviderSettings, settings: Settings) -> _Case:
    frame = images.two_face_frames()[0]
    height, width = frame.shape[:2]
    detector = create_detector('centerface', providers)
    inner = input_size(width, height, _DEFAULTS.min_face_size, STREAM_MAX_SIDE)
    columns, rows = (side + -side % _SIZE_MULTIPLE for side in inner)
    times = measure(
        {
            'detect': lambda: detector.detect(
                frame, _DEFAULTS.face_score_threshold, _DEFAULTS.min_face_size
            )
        },
        settings.repeats(20),
    )
    work = count(_detector_model(), {INPUT_NAME: (1, 3, rows, columns)})
    name = f'detector, {width}x{height}, network {columns}x{rows}'
    return _Case(name, work, times['detect'].wall.p50)


def _detector_model() -> onnx.ModelProto:
    return onnx.load_model_from_string(load_centerface_graph())


def _peaks_table(peaks: Peaks) -> Table:
    rates = {
        **{f'fp32 product, {name}': rate for name, rate in peaks.float_rates.items()},
        **{f'8-bit product, {name}': rate for name, rate in peaks.integer_rates.items()},
    }
    rows: list[tuple[Cell, ...]] = [
        (name, rate / 1e9, 'thousand million multiply-adds a second')
        for name, rate in rates.items()
    ]
    rows.append(('copy of 256 MiB', peaks.copy_bytes / 1e9, 'GB a second, read and written'))
    return Table('Peaks of this machine', ('what', 'best', 'unit'), tuple(rows))


def _table(cases: Sequence[_Case], peaks: Peaks) -> Table:
    return Table(
        'Our networks against the floor',
        (
            'network', 'multiply-adds (M)', '8-bit (%)', 'weights (MB)', 'maps (MB)',
            'computing (ms)', 'moving (ms)', 'floor (ms)', 'measured (ms)', 'times the floor',
        ),
        tuple(_row(case, peaks) for case in cases),
        'Floor: the larger of computing at the peak rate and moving every byte once at the copy '
        'rate. Maps fit into the cache, so moving is an upper bound of what memory costs.',
    )  # fmt: skip


def _row(case: _Case, peaks: Peaks) -> tuple[Cell, ...]:
    work = case.work
    computing, moving = floor_ms(work, peaks)
    floor = max(computing, moving)
    return (
        case.name,
        work.multiply_adds / 1e6,
        100 * work.integer_multiply_adds / max(work.multiply_adds, 1),
        work.weight_bytes / 1e6,
        work.activation_bytes / 1e6,
        computing,
        moving,
        floor,
        case.milliseconds,
        case.milliseconds / floor,
    )


def _plot(cases: Sequence[_Case], peaks: Peaks) -> Plot:
    cases = [case for case in cases if not case.name.endswith(_ALONE)]
    floors = [max(floor_ms(case.work, peaks)) for case in cases]
    names = [case.name.replace(', ', '\n') for case in cases]
    return Plot(
        'limit',
        "Measured time and the machine's floor",
        '',
        'ms',
        {
            'floor': list(zip(names, floors, strict=True)),
            'measured': [(n, case.milliseconds) for n, case in zip(names, cases, strict=True)],
        },
        kind='bars',
    )
