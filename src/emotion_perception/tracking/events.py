"""When an expression starts and when it ends: what behaviours react to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from emotion_perception.labels import NUM_EMOTIONS, Emotion
from emotion_perception.settings.tables import BY_PROBABILITY, EventSettings
from emotion_perception.types import NS_PER_S, Face

_NEUTRAL: Final = int(Emotion.NEUTRAL)


class EventKind(IntEnum):
    """What an event tells, as in `ExpressionEvent.msg`."""

    STARTED = 0
    GOING_ON = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class ExpressionEvent:
    """One thing that happened on one face.

    Attributes:
        kind: What happened.
        track_id: On whose face.
        emotion_id: Which expression, 0..5.
        strength: Its highest value so far, in nats or 0..1 by the measure.
        confidence: Its probability now, 0..1.
        duration_s: Time since it began, in seconds.
    """

    kind: EventKind
    track_id: int
    emotion_id: int
    strength: float
    confidence: float
    duration_s: float


@dataclass(slots=True)
class _Expression:
    """What one face shows, or may be about to.

    Attributes:
        emotion_id: Which expression.
        since_ns: When it began.
        strength: Highest value so far.
        started: Whether it has been told.
        told_ns: When it was told last.
        below_ns: Since when it is gone; None while it is there.
    """

    emotion_id: int
    since_ns: int
    strength: float
    started: bool = False
    told_ns: int = 0
    below_ns: int | None = None


class ExpressionEvents:
    """Makes events of the results of one stream, one expression a face at a time."""

    def __init__(self, settings: EventSettings | None = None) -> None:
        """Starts without faces.

        Args:
            settings: When an expression counts.
        """
        self.settings = settings or EventSettings()
        self._shown: dict[int, _Expression] = {}
        self._last_ns = 0

    def update(self, faces: Sequence[Face], stamp_ns: int) -> list[ExpressionEvent]:
        """Takes the next result.

        Args:
            faces: Of one image; those that are gone end their expressions.
            stamp_ns: Its time in nanoseconds; where it goes back, a new stream starts.

        Returns:
            What has happened, ends before starts.
        """
        if stamp_ns < self._last_ns:
            self._shown.clear()
        self._last_ns = stamp_ns
        gone = [track_id for track_id in self._shown if all(track_id != f.track_id for f in faces)]
        events = [event for track_id in gone for event in self._forget(track_id, stamp_ns)]
        for face in faces:
            events += self._update_face(face, stamp_ns)
        return events

    def _forget(self, track_id: int, stamp_ns: int) -> Iterator[ExpressionEvent]:
        shown = self._shown.pop(track_id)
        if shown.started:
            yield _event(EventKind.ENDED, track_id, shown, 0.0, stamp_ns)

    def _update_face(self, face: Face, stamp_ns: int) -> Iterator[ExpressionEvent]:
        values = self._values(face)
        shown = self._shown.get(face.track_id)
        if shown is None:
            self._begin(face, values, stamp_ns)
            return
        value = float(values[shown.emotion_id])
        probability = float(face.probabilities[shown.emotion_id])
        if shown.started:
            yield from self._follow(face, shown, value, probability, stamp_ns)
        elif not value >= self.settings.start:
            del self._shown[face.track_id]
            self._begin(face, values, stamp_ns)
        else:
            shown.strength = max(shown.strength, value)
            if stamp_ns - shown.since_ns >= self.settings.shortest_s * NS_PER_S:
                shown.started, shown.told_ns = True, stamp_ns
                yield _event(EventKind.STARTED, face.track_id, shown, probability, stamp_ns)

    def _begin(self, face: Face, values: Sequence[float], stamp_ns: int) -> None:
        strongest = int(np.argmax(values))
        if values[strongest] >= self.settings.start:
            value = float(values[strongest])
            self._shown[face.track_id] = _Expression(strongest, stamp_ns, value)

    def _follow(
        self, face: Face, shown: _Expression, value: float, probability: float, stamp_ns: int
    ) -> Iterator[ExpressionEvent]:
        settings = self.settings
        if value >= settings.end:
            shown.below_ns = None
            shown.strength = max(shown.strength, value)
            if settings.repeat_s and stamp_ns - shown.told_ns >= settings.repeat_s * NS_PER_S:
                shown.told_ns = stamp_ns
                yield _event(EventKind.GOING_ON, face.track_id, shown, probability, stamp_ns)
            return
        shown.below_ns = stamp_ns if shown.below_ns is None else shown.below_ns
        if stamp_ns - shown.below_ns >= settings.shortest_s * NS_PER_S:
            del self._shown[face.track_id]
            yield _event(EventKind.ENDED, face.track_id, shown, probability, shown.below_ns)

    def _values(self, face: Face) -> list[float]:
        """What is compared with the thresholds; a calm face is no expression."""
        measured = face.probabilities if self.settings.measure == BY_PROBABILITY else face.change
        values = [-np.inf] * NUM_EMOTIONS if measured is None else measured.tolist()
        values[_NEUTRAL] = -np.inf
        return [-np.inf if np.isnan(value) else value for value in values]


def _event(
    kind: EventKind, track_id: int, shown: _Expression, probability: float, now_ns: int
) -> ExpressionEvent:
    return ExpressionEvent(
        kind=kind,
        track_id=track_id,
        emotion_id=shown.emotion_id,
        strength=shown.strength,
        confidence=probability,
        duration_s=(now_ns - shown.since_ns) / NS_PER_S,
    )
