"""How long each emotion was seen."""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import emotion_perception
from emotion_perception.batch.job import Job, Record, Status
from emotion_perception.errors import OutputError
from emotion_perception.files.resources import replace_file
from emotion_perception.labels import EMOTION_NAMES, UNCERTAIN_NAME, emotion_name
from emotion_perception.tracking.tracker import StreamPace
from emotion_perception.types import NS_PER_S, Face

LONGEST_GAP_S: Final = 1.0
"""A frame stands for the time until the next one, but not for a longer gap in the recording, unless
its images are usually so far apart."""

_USUAL_GAP_STEPS: Final = 1.5


class EmotionTime:
    """Adds up the seconds of each emotion over the faces of a recording.

    Every face counts for the time until the next frame; two happy people in view for a second are
    two seconds of Happy. The last frame counts as long as the one before it.

    Args:
        frame_rate: Frames per second, for a recording of one frame; 0 when unknown.
    """

    def __init__(self, frame_rate: float = 0.0) -> None:
        self._interval_s = min(1 / frame_rate, LONGEST_GAP_S) if frame_rate > 0 else 0.0
        self._pace = StreamPace()
        self._last: tuple[int, Counter[str]] | None = None
        self._seconds: dict[str, float] = defaultdict(float)

    def add(self, stamp_ns: int, faces: Sequence[Face]) -> None:
        """Takes the next frame.

        Args:
            stamp_ns: Its time in nanoseconds; one before the last frame's counts for nothing.
            faces: Its faces.
        """
        self._pace.add(stamp_ns)
        if self._last is not None:
            elapsed_s = max(stamp_ns - self._last[0], 0) / NS_PER_S
            longest_s = max(LONGEST_GAP_S, _USUAL_GAP_STEPS * self._pace.step_ns / NS_PER_S)
            self._interval_s = min(elapsed_s, longest_s)
            self._settle(self._seconds)
        self._last = stamp_ns, Counter(emotion_name(face.emotion_id) for face in faces)

    def seconds(self) -> dict[str, float]:
        """Seconds by emotion in FER-2013 order, 'Uncertain' last, rounded to milliseconds."""
        total = self._seconds.copy()
        self._settle(total)
        return {name: round(total[name], 3) for name in (*EMOTION_NAMES, UNCERTAIN_NAME)}

    def _settle(self, seconds: dict[str, float]) -> None:
        if self._last is not None:
            for name, faces in self._last[1].items():
                seconds[name] += faces * self._interval_s


SUMMARY_NAME: Final = 'summary'

_SCHEMA: Final = 1
_NAMES: Final = (*EMOTION_NAMES, UNCERTAIN_NAME)
_COUNTS: Final = ('frames', 'frames_without_face', 'damaged_frames', 'faces', 'people')


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """All results of a run.

    Attributes:
        records: One per source, in the order of the sources.
        missing: What was wrong with specifications that gave no source.
    """

    records: Sequence[Record]
    missing: Sequence[str] = ()

    def totals(self) -> dict[str, Any]:
        """Sources by status, and the sums over all sources that have a result."""
        statuses = Counter(record.status for record in self.records)
        return {
            'sources': len(self.records),
            **{status.value: statuses[status] for status in Status},
            **{name: sum(getattr(record, name) for record in self.records) for name in _COUNTS},
            'emotion_seconds': {name: self._seconds(name) for name in _NAMES},
        }

    @property
    def problems(self) -> list[str]:
        """Every error, in one sentence each."""
        return [*self.missing, *(record.error for record in self.records if record.error)]

    def write(self, out: Path, job: Job) -> list[Path]:
        """Writes summary.json and summary.csv into the output folder.

        Returns:
            The two files.

        Raises:
            OutputError: They cannot be written.
        """
        files = {
            out / f'{SUMMARY_NAME}.json': self._json(job),
            out / f'{SUMMARY_NAME}.csv': self._csv(),
        }
        for path, text in files.items():
            try:
                # Names of files may hold bytes that are no text; they are written as they are.
                replace_file(path, text.encode(errors='surrogateescape'))
            except OSError as error:
                raise OutputError(
                    f'The summary {path} cannot be written ({error.strerror}): check the free '
                    'space and the rights of its folder, and call the same command again.'
                ) from error
        return list(files)

    def format(self) -> str:
        """The totals as a table of several lines, without a newline at the end."""
        totals = self.totals()
        states = ', '.join(f'{totals[status.value]} {status.value}' for status in Status)
        seconds = totals['emotion_seconds']
        rows = [
            ('sources', f'{totals["sources"]} ({states})'),
            ('frames', f'{totals["frames"]} ({totals["frames_without_face"]} without a face)'),
            ('faces', f'{totals["faces"]} ({totals["people"]} track ids)'),
            *((name, f'{seconds[name]:.1f} s') for name in _NAMES if seconds[name]),
        ]
        return '\n'.join(f'{name:<10} {text}' for name, text in rows)

    def _seconds(self, name: str) -> float:
        return round(sum(record.emotion_seconds.get(name, 0.0) for record in self.records), 3)

    def _json(self, job: Job) -> str:
        document = {
            'schema': _SCHEMA,
            'version': emotion_perception.__version__,
            'job': job.describe(),
            'totals': self.totals(),
            'missing': list(self.missing),
            'sources': [record.as_document() for record in self.records],
        }
        return json.dumps(document, indent=2) + '\n'

    def _csv(self) -> str:
        text = io.StringIO()
        seconds = [f'{name.lower()}_s' for name in _NAMES]
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['source', 'status', 'folder', *_COUNTS, *seconds, 'error'])
        for record in self.records:
            counts = [getattr(record, name) for name in _COUNTS]
            times = [record.emotion_seconds.get(name, 0.0) for name in _NAMES]
            writer.writerow(
                [record.source, record.status.value, record.folder, *counts, *times, record.error]
            )
        return text.getvalue()
