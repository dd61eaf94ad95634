"""A video in, an annotated video, its tables and its timeline out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotion_perception.drawing import OverlayStyle
from emotion_perception.errors import EmotionPerceptionError, SourceError
from emotion_perception.limits import size_problem
from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.outputs.results import Summary, frame_record
from emotion_perception.outputs.run import RunOutputs
from emotion_perception.outputs.sound import unless_blurred
from emotion_perception.sources import FrameSource
from emotion_perception.sources.base import SourceOptions
from emotion_perception.sources.image_files import AnimationSource, is_animated
from emotion_perception.sources.video import VideoSource
from emotion_perception.types import NS_PER_S
from emotion_viewers.web.chosen import Chosen
from emotion_viewers.web.emotion_timeline import EmotionTimeline
from emotion_viewers.web.limits import MAX_MOVING_PIXELS
from emotion_viewers.web.networks import PageNetworks, Stream
from emotion_viewers.web.tables import CsvWriter
from emotion_viewers.web.uploads import check_video, result_stem


class GoneError(EmotionPerceptionError):
    """The visitor has left: nobody waits for the result any more."""

    def __init__(self) -> None:
        super().__init__('The page seemed to be closed: start the video again.')


class StoppedError(EmotionPerceptionError):
    """The visitor does not want to wait any longer, and there is no result yet."""


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What the page shows of a video.

    Attributes:
        video: The annotated video, an MP4 file.
        json: A document per line and frame, as `results.frame_record` gives it.
        csv: A row per face and frame.
        timeline: Probabilities over time.
        summary: Counts of frames, faces and emotions.
        remarks: Sentences about what is not complete; empty as a rule.
    """

    video: Path
    json: Path
    csv: Path
    timeline: EmotionTimeline
    summary: Summary
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Watch:
    """How a long result is followed from outside.

    Attributes:
        progress: Called after each frame with the frames so far and their number, None if unknown.
        stopped: Says that the visitor wants what there is so far.
        gone: Says that nobody waits any more.
    """

    progress: Callable[[int, int | None], None] = lambda _done, _total: None
    stopped: Callable[[], bool] = lambda: False
    gone: Callable[[], bool] = lambda: False


def process_video(
    video: Path,
    folder: Path,
    networks: PageNetworks,
    chosen: Chosen,
    max_seconds: float,
    watch: Watch | None = None,
) -> VideoResult:
    """Finds the faces of every frame and their emotions.

    Args:
        video: Video file or animated image.
        folder: Where the results go; it must exist.
        networks: Find the faces and tell their emotions.
        chosen: Thresholds, labels and what is drawn.
        max_seconds: Longer videos are refused; one that does not say how long it is ends there.
        watch: Follows the work.

    Raises:
        SourceError: The video cannot be read, is damaged from the start, or is too long.
        OutputError: A result cannot be written.
        GoneError: `watch.gone` said so.
    """
    check_video(video)
    start = str(folder / f'{result_stem(video)}_emotions')
    with _opened(video) as source:
        _check_size(source.size, video.name)
        _check_length(source, video.name, max_seconds)
        work = _Work(networks.stream(chosen), chosen.style, max_seconds, watch or Watch())
        return work.run(source, *(Path(start + end) for end in ('.mp4', '.jsonl', '.csv')))


class _Work:
    """One video, from its first frame to its last."""

    def __init__(
        self, stream: Stream, style: OverlayStyle, max_seconds: float, watch: Watch
    ) -> None:
        self._stream = stream
        self._style = style
        self._max_seconds = max_seconds
        self._watch = watch
        self._timeline = EmotionTimeline()
        self._remarks: list[str] = []

    def run(self, source: FrameSource, video: Path, json: Path, csv: Path) -> VideoResult:
        sound = unless_blurred(source.sound, self._style.blur)
        recorder = VideoRecorder(video, stated_rate=source.frame_rate, sound=sound)
        outputs = RunOutputs(recorder, json, lines=False, style=self._style)
        with outputs as files, CsvWriter(csv) as table:
            try:
                self._process_all(source, files, table)
            except SourceError as error:
                # What came before the damage is still worth showing.
                if not files.summary.frames:
                    raise
                self._remarks.append(str(error))
        if source.skipped:
            self._remarks.append(f'{source.skipped} damaged frames were left out.')
        if recorder.remark:
            self._remarks.append(recorder.remark)
        return VideoResult(video, json, csv, self._timeline, files.summary, self._remarks)

    def _process_all(self, source: FrameSource, files: RunOutputs, table: CsvWriter) -> None:
        for frame in source:
            if self._watch.gone():
                raise GoneError
            if self._watch.stopped():
                self._remarks.append(f'Stopped at {frame.stamp_ns / NS_PER_S:.1f} s.')
                return
            if frame.stamp_ns > self._max_seconds * NS_PER_S:
                self._remarks.append(f'Only the first {self._max_seconds:g} s were looked at.')
                return
            height, width = frame.image.shape[:2]
            _check_size((width, height), source.name)  # it may change on the way
            faces = self._stream.process(frame.image, frame.stamp_ns)
            files.add(frame, faces)
            table.write(frame_record(frame.stamp_ns, width, height, faces))
            self._timeline.add(frame.stamp_ns, faces)
            self._watch.progress(files.summary.frames, source.frame_count)


def _opened(video: Path) -> AnimationSource | VideoSource:
    if is_animated(video):
        return AnimationSource(video, SourceOptions())
    return VideoSource(str(video), SourceOptions())


def _check_size(size: tuple[int, int], name: str) -> None:
    problem = size_problem(*size, MAX_MOVING_PIXELS)
    if problem:
        raise SourceError(f'{name} is refused: {problem}; scale it down, or use `emotion video`.')


def _check_length(source: FrameSource, name: str, max_seconds: float) -> None:
    if not (source.frame_count and source.frame_rate):
        return
    seconds = source.frame_count / source.frame_rate
    if seconds > max_seconds:
        raise SourceError(
            f'{name} lasts {seconds:.0f} s, and this page takes {max_seconds:g} s: cut it, or use '
            '`emotion video`.'
        )
