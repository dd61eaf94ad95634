"""Results as data and as text: JSON lines, console lines and the summary of a run."""

import contextlib
import json
import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_perception.errors import OutputError
from emotion_perception.files.bounded import open_output
from emotion_perception.files.closeable import Closeable
from emotion_perception.heads.head_pose import angles, quaternion
from emotion_perception.inference.affect import affect_of
from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS, UNCERTAIN_NAME, emotion_name
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT, taken_standard_output
from emotion_perception.types import (
    NS_PER_S,
    PROBABILITY_DIGITS,
    Face,
    Head,
    head_axes,
    pixel_box,
    whole_percent,
)

FrameRecord = dict[str, Any]

UNCERTAIN_ID: Final = 255
"""`emotion_id` of a face whose emotion is below the threshold, as in `FaceEmotion.msg`."""

_NO_LANDMARKS: Final = [(math.nan,) * 3] * 5
_NO_CHANGE: Final = np.full(NUM_EMOTIONS, np.nan, np.float32)
_KEPT_LATENCIES: Final = 100_000  # an hour at 28 frames/s; a run of days must not fill the memory


def frame_record(stamp_ns: int, width: int, height: int, faces: Sequence[Face]) -> FrameRecord:
    """The record of one frame, as written to JSON lines.

    Args:
        stamp_ns: Time of acquisition in nanoseconds since the epoch.
        width: Image width in pixels.
        height: Image height in pixels.
        faces: The faces of the frame; may be empty.

    Returns:
        `stamp` (`sec`, `nanosec`, both whole, as in a ROS header), `image_width`, `image_height`
        and `faces`, each with `track_id`, `box` (`x`, `y`, `width`, `height`, whole pixels inside
        the image), `score`, `landmarks` (five [x, y] or null), `emotion`, `emotion_id` (0..6 or
        null), `confidence`, `probabilities` by emotion, `valence` and `arousal`, once it is known
        `change` against the person's calm face, and where a head was estimated `head`
        (see `head_record`). Fractions are rounded to four digits.
    """
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return {
        'stamp': {'sec': sec, 'nanosec': nanosec},
        'image_width': int(width),
        'image_height': int(height),
        'faces': [_face_record(face, width, height) for face in faces],
    }


def message_fields(face: Face, width: int, height: int) -> dict[str, Any]:
    """One face as the fields of `emotion_msgs/FaceEmotion`, whoever then makes the message.

    Args:
        face: The face.
        width: Image width in pixels.
        height: Image height in pixels.

    Returns:
        The fields in plain types; `box` holds those of `sensor_msgs/RegionOfInterest`, `landmarks`
        those of five `geometry_msgs/Point32`, NaN where the detector gives none; `pose` holds the
        fields of `geometry_msgs/Pose`, `gaze` those of `geometry_msgs/Vector3`.
    """
    x, y, box_width, box_height = pixel_box(face.box, width, height)
    points = _NO_LANDMARKS
    if face.landmarks is not None:
        points = [(px, py, 0.0) for px, py in face.landmarks.tolist()]
    return {
        'track_id': int(face.track_id),
        'box': {'x_offset': x, 'y_offset': y, 'width': box_width, 'height': box_height},
        'score': float(face.score),
        'landmarks': [{'x': px, 'y': py, 'z': pz} for px, py, pz in points],
        'emotion': emotion_name(face.emotion_id),
        'emotion_id': UNCERTAIN_ID if face.emotion_id is None else int(face.emotion_id),
        'confidence': float(face.confidence),
        'probabilities': np.asarray(face.probabilities, np.float32),
        'change': _NO_CHANGE if face.change is None else np.asarray(face.change, np.float32),
        **affect_of(face.probabilities)._asdict(),
        **_head_fields(face.head),
    }


def _head_fields(head: Head | None) -> dict[str, Any]:
    nothing = (math.nan,) * 3
    position = nothing if head is None else head.position.tolist()
    orientation = (math.nan,) * 4 if head is None else quaternion(head_axes(head.rotation))
    gaze = nothing if head is None else head.gaze.tolist()
    return {
        'has_pose': head is not None,
        'pose': {
            'position': dict(zip('xyz', position, strict=True)),
            'orientation': dict(zip('xyzw', orientation, strict=True)),
        },
        'gaze': dict(zip('xyz', gaze, strict=True)),
        'looking_at_camera': math.nan if head is None else head.looking_at_camera,
    }


def format_line(record: Mapping[str, Any]) -> str:
    """One console line of a frame: stamp, then `#3 Happy 87% [176,64 96x122]` of each face.

    Args:
        record: From `frame_record`.
    """
    stamp = f'{record["stamp"]["sec"]}.{record["stamp"]["nanosec"]:09d}'[:-6]
    faces = '  '.join(f'#{face["track_id"]} {face_text(face)}' for face in record['faces'])
    return f'{stamp}  {faces or "no face"}'


def face_rows(record: Mapping[str, Any], count: int) -> list[str]:
    """The faces as rows of a table, such as `#3   Happy       87 %  #################`.

    Args:
        record: From `frame_record`.
        count: How many rows to make; the last one counts the faces that have no room.
    """
    faces = sorted(record['faces'], key=lambda face: face['track_id'])  # so that no row jumps
    rows = [_table_row(face) for face in faces] or ['no face']
    if len(rows) > count:
        rows[count - 1 :] = [f'and {len(rows) - count + 1} more']
    return rows + [''] * (count - len(rows))


def stamp_ns_of(record: Mapping[str, Any]) -> int:
    """Stamp of a record in nanoseconds."""
    return int(record['stamp']['sec']) * NS_PER_S + int(record['stamp']['nanosec'])


_ROW_BAR: Final = 20


class JsonLinesWriter(Closeable):
    """Writes one JSON document per line; every line reaches the file at once.

    Args:
        path: Its folder is created, an old file is replaced; `STANDARD_OUTPUT` is that, and what
            else is printed goes to stderr from then on.

    Raises:
        OutputError: The file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            if self.path == STANDARD_OUTPUT:
                self._file = os.fdopen(taken_standard_output(), 'wb', buffering=0)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a killed run leaves whole lines, and a full disk shows at the write.
            self._file = os.fdopen(open_output(self.path), 'wb', buffering=0)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Appends a record.

        Raises:
            OutputError: The line cannot be written.
        """
        line = json.dumps(record, separators=(',', ':')).encode() + b'\n'
        written = 0
        try:
            while written < len(line):
                written += self._file.write(line[written:])
        except BrokenPipeError:
            raise  # of the standard output: the reader has gone
        except (OSError, ValueError) as error:
            self._take_back(written)
            raise self._failure(error) from error

    def close(self) -> None:
        """Closes the file; a second call does nothing.

        Raises:
            OutputError: The file system reports a late failure.
        """
        try:
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _take_back(self, count: int) -> None:
        """Removes the beginning of a line that found no space: only whole lines remain."""
        if count:
            with contextlib.suppress(OSError, ValueError):
                self._file.truncate(self._file.tell() - count)

    def _failure(self, error: Exception) -> OutputError:
        reason = getattr(error, 'strerror', None) or str(error)
        return OutputError(
            f'Results file {self.path} cannot be written ({reason}): '
            'check the free space and the rights of its folder, or choose another output.'
        )


class Summary:
    """Counts what a run saw.

    Args:
        clock: Seconds, counting up; the run starts now and ends with the last frame added.

    Attributes:
        frames: Number of frames.
        faces: Number of faces in all frames.
        frames_without_face: Number of frames with no face.
        seconds: Wall time from the start to the last frame.
        emotions: Number of faces by emotion name, 'Uncertain' among them.
        track_ids: Every track id seen; a person who leaves and comes back has several.
        most_faces: The most faces of one frame.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.frames = 0
        self.faces = 0
        self.frames_without_face = 0
        self.seconds = 0.0
        self.emotions: Counter[str] = Counter()
        self.track_ids: set[int] = set()
        self.most_faces = 0
        self._latencies: deque[float] = deque(maxlen=_KEPT_LATENCIES)
        self._clock = clock
        self._start = clock()

    def add(self, faces: Sequence[Face], latency_ms: float | None = None) -> None:
        """Counts one frame.

        Args:
            faces: The faces of the frame.
            latency_ms: Milliseconds from acquisition to result, where known.
        """
        self.frames += 1
        self.faces += len(faces)
        self.frames_without_face += not faces
        self.emotions.update(emotion_name(face.emotion_id) for face in faces)
        self.track_ids.update(face.track_id for face in faces)
        self.most_faces = max(self.most_faces, len(faces))
        if latency_ms is not None:
            self.add_latency(latency_ms)
        self.seconds = self._clock() - self._start

    def add_latency(self, latency_ms: float) -> None:
        """Counts a latency, in milliseconds, that becomes known after its frame was added."""
        self._latencies.append(latency_ms)

    @property
    def frames_per_second(self) -> float:
        """Frames over wall seconds; 0 before the first frame."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def latency_percentile(self, percent: float) -> float | None:
        """Latency in milliseconds that `percent` (0..100) of the frames stay within, if known."""
        return float(np.percentile(self._latencies, percent)) if self._latencies else None

    def emotion_shares(self) -> dict[str, float]:
        """Share of the faces with each emotion, 0..1, in FER-2013 order, 'Uncertain' last."""
        names = (*EMOTION_NAMES, UNCERTAIN_NAME)
        return {name: self.emotions[name] / max(self.faces, 1) for name in names}

    def format(self) -> str:
        """The summary as a table of several lines, without a newline at the end."""
        rows = [
            ('frames', f'{self.frames} ({self.frames_without_face} without a face)'),
            ('faces', f'{self.faces} ({_counted(len(self.track_ids), "track id")})'),
            *self._speed_rows(),
            *self._latency_rows(),
            *self._emotion_rows(),
        ]
        return '\n'.join(f'{name:<10} {text}' for name, text in rows)

    def _speed_rows(self) -> list[tuple[str, str]]:
        if self.frames < 2:  # one image has no rate
            return []
        return [('speed', f'{self.frames_per_second:.1f} frames/s over {self.seconds:.1f} s')]

    def _latency_rows(self) -> list[tuple[str, str]]:
        p50, p95 = self.latency_percentile(50), self.latency_percentile(95)
        if p50 is None or p95 is None:
            return []
        return [('latency', f'p50 {p50:.1f} ms, p95 {p95:.1f} ms')]

    def _emotion_rows(self) -> list[tuple[str, str]]:
        return [
            (name, f'{100 * share:5.1f} %  {"#" * math.ceil(30 * share)}'.rstrip())
            for name, share in self.emotion_shares().items()
            if self.faces
        ]


def _face_record(face: Face, width: int, height: int) -> FrameRecord:
    x, y, box_width, box_height = pixel_box(face.box, width, height)
    landmarks = None if face.landmarks is None else face.landmarks.tolist()
    affect = affect_of(face.probabilities)
    return {
        'track_id': int(face.track_id),
        'box': {'x': x, 'y': y, 'width': box_width, 'height': box_height},
        'score': _rounded(face.score),
        'landmarks': landmarks and [[_rounded(x), _rounded(y)] for x, y in landmarks],
        'emotion': emotion_name(face.emotion_id),
        'emotion_id': None if face.emotion_id is None else int(face.emotion_id),
        'confidence': _rounded(face.confidence),
        'probabilities': {
            name: _rounded(probability)
            for name, probability in zip(EMOTION_NAMES, face.probabilities.tolist(), strict=True)
        },
        'valence': _rounded(affect.valence),
        'arousal': _rounded(affect.arousal),
        **_change_record(face),
        **({} if face.head is None else {'head': head_record(face.head)}),
    }


def _change_record(face: Face) -> FrameRecord:
    if face.change is None or not np.isfinite(face.change).all():
        return {}
    names = zip(EMOTION_NAMES, face.change.tolist(), strict=True)
    return {'change': {name: round(value, 2) for name, value in names}}


def head_record(head: Head) -> dict[str, Any]:
    """A head as it is written to JSON.

    Returns:
        `yaw`, `pitch` and `roll` in degrees (see `angles`), `position` in metres in the optical
        frame or null, `gaze` as a vector of length 1 in that frame, and `looking_at_camera`.
    """
    is_placed = bool(np.isfinite(head.position).all())
    names = ('yaw', 'pitch', 'roll')
    return {
        **{name: round(each, 2) for name, each in zip(names, angles(head.rotation), strict=True)},
        'position': [_rounded(each) for each in head.position] if is_placed else None,
        'gaze': [_rounded(each) for each in head.gaze],
        'looking_at_camera': _rounded(head.looking_at_camera),
    }


def _rounded(value: float) -> float:
    return round(float(value), PROBABILITY_DIGITS)


def _table_row(face: Mapping[str, Any]) -> str:
    share = face['confidence']
    bar = '#' * round(_ROW_BAR * share)
    return f'#{face["track_id"]:<4}{face["emotion"]:<10}{whole_percent(share):4} %  {bar}'


def face_text(face: Mapping[str, Any]) -> str:
    """A face of `frame_record` in a line: 'Happy 87% [181,58 89x120]', its box in whole pixels."""
    box = face['box']
    place = f'[{box["x"]},{box["y"]} {box["width"]}x{box["height"]}]'
    return f'{face["emotion"]} {whole_percent(face["confidence"])}% {place}'


def _counted(number: int, noun: str) -> str:
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'
