"""Accounts for every frame: published, processed, or missing."""

from collections import OrderedDict

# A live session runs for weeks; frames that were dropped on purpose must not pile up here.
_MAX_OPEN = 10_000


class FrameCounter:
    """Which frames were published and not processed yet, and how long the others took.

    Not the age of the stamp is a frame's latency: the stamps of a bag, or of a file on a slow
    machine, lie in the past. Nor is it counted from when its messages are handled here: a result
    may be handled before the `camera_info` of its frame.

    Attributes:
        published: Number of frames that `camera_info` told of.
    """

    def __init__(self) -> None:
        self.published = 0
        # When they were published, by stamp, both in nanoseconds: of frames without a result, and
        # of results that overtook their camera_info on the way.
        self._open: OrderedDict[int, int] = OrderedDict()
        self._early: OrderedDict[int, int] = OrderedDict()

    @property
    def missing(self) -> int:
        """Frames that were published and not processed (yet); at most 10,000 are remembered."""
        return len(self._open)

    def frame_published(self, stamp_ns: int, published_ns: int) -> float | None:
        """Notes a frame.

        Args:
            stamp_ns: Of the frame.
            published_ns: When its `camera_info` was published, by the sender's clock; 0 where the
                middleware does not tell.

        Returns:
            Milliseconds until its result was published; None when that has not come yet, or is
            not known.
        """
        self.published += 1
        result_ns = self._early.pop(stamp_ns, None)
        if result_ns is None:
            _remember(self._open, stamp_ns, published_ns)
            return None
        return _milliseconds(published_ns, result_ns)

    def result_received(self, stamp_ns: int, published_ns: int) -> float | None:
        """Notes the result to a frame.

        Args:
            stamp_ns: Of the frame.
            published_ns: When the result was published, as for `frame_published`.

        Returns:
            Milliseconds since the frame was published; None when it has not been told of yet, or
            is not known.
        """
        frame_ns = self._open.pop(stamp_ns, None)
        if frame_ns is None:
            _remember(self._early, stamp_ns, published_ns)
            return None
        return _milliseconds(frame_ns, published_ns)


def _milliseconds(start_ns: int, end_ns: int) -> float | None:
    return (end_ns - start_ns) / 1e6 if start_ns and end_ns else None


def _remember(entries: OrderedDict[int, int], stamp_ns: int, published_ns: int) -> None:
    entries[stamp_ns] = published_ns
    if len(entries) > _MAX_OPEN:
        entries.popitem(last=False)
