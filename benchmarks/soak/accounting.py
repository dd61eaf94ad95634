"""What became of every frame: answered, dropped by the queue, or lost to a fault.

The camera's messages are numbered by the middleware, and so are the results. Between two results of
one life of the emotion node, the frames without a result must be as many as the node itself says
that its queue dropped. Both counts are independent: a frame that vanishes is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Result:
    """One result.

    Attributes:
        number: The middleware's number among the results of this life, from 1.
        stamp_ns: Stamp of its frame.
        faces: Number of faces.
    """

    number: int
    stamp_ns: int
    faces: int


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """What the emotion node has counted since it started.

    Attributes:
        frames: Results.
        dropped: Images, good and bad, that its queue dropped, as far as it can tell.
        uncounted: Images before which others may have been dropped that it cannot count.
        bad: Images that could not be read.
    """

    frames: int
    dropped: int
    uncounted: int
    bad: int


@dataclass(slots=True)
class Life:
    """One process of the emotion node.

    Attributes:
        results: In order of arrival.
        reports: In order of arrival.
    """

    results: list[Result] = field(default_factory=list)
    reports: list[NodeCounts] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """What the recorder has written.

    Attributes:
        frames: Number of every frame by its stamp.
        lives: In order of their first results.
        overlay_images: Stamps of the overlay's images.
    """

    frames: dict[int, int] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    overlay_images: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LifeFrames:
    """The frames of one life, from its first result to its last report.

    Attributes:
        frames: Frames that the camera published.
        answered: Those that were answered.
        dropped: Those that were not, while the node could count.
        unchecked: Those that were not, while it could not.
        reported: Images, good and bad, that the node says its queue dropped while it could count.
        bad_sent: Bad frames sent to it at most.
        bad: Bad frames that it says it got.
    """

    frames: int = 0
    answered: int = 0
    dropped: int = 0
    unchecked: int = 0
    reported: int = 0
    bad_sent: int = 0
    bad: int = 0

    @property
    def unexplained(self) -> int:
        """Frames by which the two counts differ.

        Bad frames wait in the same queue: as many of the dropped images may have been bad as were
        sent and did not arrive.
        """
        fewest = self.reported - max(self.bad_sent - self.bad, 0)
        return max(self.dropped - self.reported, fewest - self.dropped, 0)


@dataclass(frozen=True, slots=True)
class FrameAccount:
    """All frames from the first result to the last.

    Attributes:
        frames: Frames that the camera published.
        answered: Frames that were answered.
        dropped: Frames that the queue dropped, newer ones being there, as the node reported.
        unchecked: Frames without a result, while two cameras shared the topic and the node could
            not count (before Kilted).
        lost: Frames between the last report of a killed node and its successor's first result that
            nobody answered.
        unexplained: Frames that were not answered and of which the node knows nothing, or the
            reverse.
        repeated: Frames answered more than once.
        unordered: Results that came after the result for a later frame.
        unknown: Results for images that the camera never sent.
        unrecorded: Messages that the recorder missed; the counts above include them.
        overlay_images: Images that the overlay drew, each of an answered frame.
        strange_overlay_images: Images of other frames, or drawn twice. While a life begins, the
            overlay may hear its results before the recorder does: images from then are not
            strange.
        bad_sent: Bad frames that were sent.
        bad: Bad frames that the node counted.
        lives: Each life's own account.
    """

    frames: int
    answered: int
    dropped: int
    unchecked: int
    lost: int
    unexplained: int
    repeated: int
    unordered: int
    unknown: int
    unrecorded: int
    overlay_images: int
    strange_overlay_images: int
    bad_sent: int
    bad: int
    lives: tuple[LifeFrames, ...]


def read(lines: Iterable[str]) -> Recording:
    """Parses the recorder's lines."""
    recording = Recording()
    for line in lines:
        kind, *values = line.rstrip('\n').split(',')
        if kind == 'i':
            recording.frames[int(values[1])] = int(values[0])
        elif kind == 'a':
            life = recording.lives.setdefault(values[0], Life())
            life.results.append(Result(*map(int, values[1:])))
        elif kind == 'p':
            recording.overlay_images.append(int(values[0]))
        elif kind == 'd':
            recording.lives.setdefault(values[0], Life()).reports.append(
                NodeCounts(*map(int, values[1:]))
            )
    return recording


def account_frames(recording: Recording, bad_sent: Sequence[int] = ()) -> FrameAccount:
    """Accounts for every frame.

    Args:
        recording: What the recorder has written.
        bad_sent: Bad frames sent during each life; lives beyond its end got none.

    Returns:
        The account; all zero when nothing was answered.
    """
    lives = [life for life in recording.lives.values() if life.results]
    numbers = recording.frames
    results = [result for life in lives for result in life.results]
    stamps = {result.stamp_ns for result in results}
    known = [numbers[stamp_ns] for stamp_ns in stamps if stamp_ns in numbers]
    frames = max(known) - min(known) + 1 if known else 0
    sent = [*bad_sent, *[0] * len(lives)]
    accounts = tuple(
        _account_life(life, numbers, count) for life, count in zip(lives, sent, strict=False)
    )
    answered = sum(life.results[-1].number - life.results[0].number + 1 for life in lives)
    dropped = sum(one.dropped for one in accounts)
    unchecked = sum(one.unchecked for one in accounts)
    overlay_images = set(recording.overlay_images)
    return FrameAccount(
        frames=frames,
        answered=answered,
        dropped=dropped,
        unchecked=unchecked,
        lost=frames - answered - dropped - unchecked,
        unexplained=sum(one.unexplained for one in accounts),
        repeated=len(results) - len(stamps),
        unordered=sum(_unordered(life.results) for life in lives),
        unknown=max(len(stamps) - len(known) - _gaps(sorted(numbers.values())), 0),
        unrecorded=_unrecorded(lives, numbers),
        overlay_images=len(overlay_images),
        strange_overlay_images=len(recording.overlay_images)
        - len(overlay_images)
        + sum(_is_heard(stamp_ns, lives) for stamp_ns in overlay_images - stamps),
        bad_sent=sum(bad_sent),
        bad=sum(life.reports[-1].bad for life in lives if life.reports),
        lives=accounts,
    )


def _account_life(life: Life, numbers: Mapping[int, int], bad_sent: int) -> LifeFrames:
    """Between two moments of which the recorder knows both the result and the node's counts."""
    frame_of = {
        result.number: numbers[result.stamp_ns]
        for result in life.results
        if result.stamp_ns in numbers
    }
    # With the first result nothing can have been dropped yet.
    moments = [NodeCounts(1, 0, 0, 0), *life.reports]
    moments = [moment for moment in moments if moment.frames in frame_of]
    if not moments:
        return LifeFrames(bad_sent=bad_sent)
    first, last = moments[0], moments[-1]
    frames = frame_of[last.frames] - frame_of[first.frames] + 1
    answered = last.frames - first.frames + 1
    pairs = list(pairwise(moments))
    unchecked = sum(
        frame_of[after.frames] - frame_of[before.frames] - (after.frames - before.frames)
        for before, after in pairs
        if after.uncounted != before.uncounted
    )
    return LifeFrames(
        frames=frames,
        answered=answered,
        dropped=frames - answered - unchecked,
        unchecked=unchecked,
        reported=sum(
            after.dropped - before.dropped
            for before, after in pairs
            if after.uncounted == before.uncounted
        ),
        bad_sent=bad_sent,
        bad=last.bad - first.bad,
    )


def _is_heard(stamp_ns: int, lives: Sequence[Life]) -> bool:
    """Whether the recorder heard the results for the frames about a stamp."""
    return any(life.results[0].stamp_ns <= stamp_ns <= life.results[-1].stamp_ns for life in lives)


def _unordered(results: Sequence[Result]) -> int:
    return sum(before.stamp_ns > after.stamp_ns for before, after in pairwise(results))


def _unrecorded(lives: Sequence[Life], numbers: Mapping[int, int]) -> int:
    gaps = sum(_gaps([result.number for result in life.results]) for life in lives)
    return gaps + _gaps(sorted(numbers.values()))


def _gaps(numbers: Sequence[int]) -> int:
    return sum(max(after - before - 1, 0) for before, after in pairwise(numbers))
