"""The outputs of one source, as `emotion video` and `emotion annotate-bag` make them."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from emotion_perception.bags.annotate import annotate_bag
from emotion_perception.batch.job import BAG, JSON, VIDEO, Job, is_bag_source
from emotion_perception.batch.summary import EmotionTime
from emotion_perception.errors import SourceError
from emotion_perception.networks import Networks
from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.outputs.run import RunOutputs
from emotion_perception.outputs.sound import unless_blurred
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.sources import FrameSource, SourceOptions, open_source
from emotion_perception.types import Face, Frame

FrameHandler = Callable[[], None]
"""Called after every frame, for progress; what it raises ends the work."""

# In characters of up to four bytes; file systems allow 255 bytes.
_LONGEST_STEM: Final = 40


class Production:
    """Works on one source and writes its outputs into a folder.

    Args:
        source: Absolute path.
        job: What to make.
        networks: The source gets a pipeline of its own.
        folder: Where the outputs go; exists.
        on_frame: For progress.

    Attributes:
        outputs: With the summary of the frames.
        time: Seconds of each emotion.
        damaged_frames: Frames without a result.
        problem: Why the rest of a damaged source could not be read; None at its true end.
    """

    def __init__(
        self,
        source: Path,
        job: Job,
        networks: Networks,
        folder: Path,
        on_frame: FrameHandler,
    ) -> None:
        self.time = EmotionTime()
        self.damaged_frames = 0
        self.problem: SourceError | None = None
        self._source = source
        self._job = job
        self._networks = networks
        self._folder = folder
        self._on_frame = on_frame
        self._stem = source.stem[:_LONGEST_STEM]

    def run(self) -> RunOutputs:
        """Makes everything that was asked for.

        Returns:
            What was written, finished, with the summary of the frames.

        Raises:
            SourceError: The source cannot be opened.
            BagError: A bag cannot be annotated.
            OutputError: An output cannot be written.
        """
        if BAG in self._job.products and is_bag_source(self._source):
            return self._annotate()
        return self._play()

    def _play(self) -> RunOutputs:
        options = SourceOptions(topic=self._job.annotate.topic)
        pipeline = EmotionPipeline(self._networks, self._job.settings)
        with open_source(str(self._source), options) as source:
            if source.live:
                raise SourceError(f'{source.name} has no end: give files and bags only.')
            self.time = EmotionTime(source.frame_rate or 0.0)
            with self._outputs(self._recorder(source)) as outputs:
                try:
                    for frame in source:
                        self._take(outputs, frame, pipeline.process(frame.image, frame.stamp_ns))
                except SourceError as error:
                    if not outputs.summary.frames:
                        raise
                    self.problem = error
            self.damaged_frames = source.skipped
        return outputs

    def _annotate(self) -> RunOutputs:
        with self._outputs(None) as outputs:

            def take(frame: Frame | None, faces: list[Face]) -> None:
                if frame is not None:
                    self._take(outputs, frame, faces)

            pipeline = EmotionPipeline(self._networks, self._job.settings)
            target = self._folder / f'{self._stem}_emotions'
            report = annotate_bag(self._source, target, pipeline, self._job.annotate, take)
        self.damaged_frames = report.bad_images
        return outputs

    def _take(self, outputs: RunOutputs, frame: Frame, faces: list[Face]) -> None:
        outputs.add(frame, faces)
        self.time.add(frame.stamp_ns, faces)
        self._on_frame()

    def _outputs(self, video: VideoRecorder | None) -> RunOutputs:
        json = self._folder / f'{self._stem}.jsonl' if JSON in self._job.products else None
        return RunOutputs(video, json, lines=False, style=self._job.annotate.style)

    def _recorder(self, source: FrameSource) -> VideoRecorder | None:
        if VIDEO not in self._job.products:
            return None
        sound = unless_blurred(source.sound, self._job.annotate.style.blur)
        path = self._folder / f'{self._stem}.mp4'
        return VideoRecorder(path, stated_rate=source.frame_rate, sound=sound)
