"""`emotion live`: a camera, now."""

import argparse
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from emotion_perception.cli.latest_frame import Arrival, LatestFrame
from emotion_perception.cli.options import (
    add_pipeline_options,
    add_video_outputs,
    load_pipeline,
    style_from,
)
from emotion_perception.cli.signals import StopRequest
from emotion_perception.drawing import OverlayStyle, draw_faces
from emotion_perception.errors import OutputError, SourceError
from emotion_perception.outputs.names import refuse_overwriting
from emotion_perception.outputs.recording import LIVE_GAP_S, VideoRecorder
from emotion_perception.outputs.run import RunOutputs, note
from emotion_perception.outputs.window import Window
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.settings.setting import add_settings
from emotion_perception.settings.tables import CAMERA_FORMAT, FRAME_RATE, IMAGE_TOPIC, LOOP
from emotion_perception.sources import (
    FrameSource,
    Reconnecting,
    SourceOptions,
    open_source,
    paced,
)

_VIDEO_RATE: Final = 30.0
"""Frames per second of the video of a source that states none."""

DESCRIPTION = """\
Reads the emotions in front of a camera and shows them in a window titled "Emotion Detector", which
q closes. Only the newest frame is looked at, so that nothing lags. Without a screen, or with
--no-window, it prints a line per frame."""

EPILOG = """\
examples:
  emotion live
  emotion live --camera /dev/video2 --width 1280 --height 720
  emotion live rtsp://camera.local/stream --no-window --json faces.jsonl
  emotion live 'rtsp://me:${CAMERA_PASSWORD}@camera.local/stream'
  emotion live clip.mp4 -o out.mp4

A camera or stream that is lost is opened again. Ctrl-C ends it: the video and the JSON lines are
finished properly.
"""

_POLL_S: Final = 0.1  # how soon a signal is noticed while no frame comes
_END_TIMEOUT_S: Final = 5.0
_RATE_WINDOW: Final = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion live`."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        'source',
        nargs='?',
        metavar='SOURCE',
        help='stream (rtsp://, http://), or a video, GIF, folder, rosbag or demo, played at its '
        'own speed (default: the camera)',
    )
    source.add_argument(
        '--camera',
        default='0',
        metavar='N',
        help='index or device of a camera (default: %(default)s)',
    )
    parser.add_argument('--no-window', action='store_true', help='print lines, open no window')
    add_video_outputs(parser)
    add_settings(
        parser.add_argument_group('source'), [FRAME_RATE, *CAMERA_FORMAT, IMAGE_TOPIC, LOOP]
    )
    add_pipeline_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion live`; returns its exit code."""
    spec = arguments.source or arguments.camera
    refuse_overwriting([spec], (arguments.output, arguments.json))
    with _opened(spec, _source_options(arguments)) as source:
        pipeline = load_pipeline(arguments, live=True)
        window = None if arguments.no_window else _open_window()
        recorder = None
        if arguments.output is not None:
            recorder = VideoRecorder(
                arguments.output, source.frame_rate or _VIDEO_RATE, longest_gap_s=LIVE_GAP_S
            )
        style = style_from(arguments)
        lines = window is None and not arguments.quiet
        try:
            with (
                StopRequest() as stop,
                RunOutputs(recorder, arguments.json, lines=lines, style=style) as outputs,
            ):
                failure = _Session(source, pipeline, outputs, window, style).run(stop)
        finally:
            pipeline.close()
            if window is not None:
                window.close()
        outputs.report(pipeline.classifier, source.skipped)
        if failure is not None:
            raise failure
        return stop.exit_code


class _Session:
    """One run, from the first frame to the last."""

    def __init__(
        self,
        source: FrameSource,
        pipeline: EmotionPipeline,
        outputs: RunOutputs,
        window: Window | None,
        style: OverlayStyle,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._outputs = outputs
        self._window = window
        self._style = style
        self._rate = _Rate()

    def run(self, stop: StopRequest) -> SourceError | None:
        """Runs until q, a signal or the end; what ended a source before its end is returned."""
        ended = threading.Event()
        newest = LatestFrame(paced(self._source, ended))
        try:
            while not stop.requested and not newest.ended:
                arrival = newest.take(_POLL_S)
                if arrival is not None and not self._show(arrival):
                    break
        except SourceError as error:
            return error
        finally:
            ended.set()
            self._source.close()
            newest.join(_END_TIMEOUT_S)
            if newest.dropped:
                note(f'{newest.dropped} frames were left out to keep up with the source.')
        return None

    def _show(self, arrival: Arrival) -> bool:
        """Processes a frame; False once the user has closed the window."""
        frame = arrival.frame
        faces = self._pipeline.process(frame.image, frame.stamp_ns)
        now = time.monotonic()
        latency_ms = 1000 * (now - arrival.second)
        if self._window is None:
            self._outputs.add(frame, faces, latency_ms=latency_ms)
            return True
        image = draw_faces(frame.image, faces, self._style, status=self._rate.text(now))
        self._outputs.add(frame, faces, latency_ms=latency_ms, image=image)
        return self._window.show(image)


class _Rate:
    """Frames per second over the last second or so."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_RATE_WINDOW)

    def text(self, now: float) -> str:
        self._times.append(now)
        elapsed = now - self._times[0]
        return f'{(len(self._times) - 1) / elapsed:.1f} fps' if elapsed > 0 else ''


def _source_options(arguments: argparse.Namespace) -> SourceOptions:
    names = SourceOptions.__dataclass_fields__
    return SourceOptions(**{name: getattr(arguments, name) for name in names})


@contextmanager
def _opened(spec: str, options: SourceOptions) -> Iterator[FrameSource]:
    """Opens a source; a live one is opened again whenever it is lost.

    The first attempt must succeed: no camera is an error, while a lost one is waited for.
    """
    source = open_source(spec, options)
    if source.live:
        source = _reconnecting(source, spec, options)
    with source:
        yield source


def _reconnecting(first: FrameSource, spec: str, options: SourceOptions) -> FrameSource:
    opened = [first]
    return Reconnecting(
        lambda: opened.pop() if opened else open_source(spec, options),
        name=first.name,
        on_lost=lambda error, delay_s: note(f'warning: {error} Trying again in {delay_s:g} s.'),
        on_recovered=lambda: note(f'{first.name} is back.'),
    )


def _open_window() -> Window | None:
    try:
        return Window()
    except OutputError as error:
        note(f'warning: {error}')
        return None
