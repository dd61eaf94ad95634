"""Holds a file back while its frames are not acknowledged yet.

A file read faster than it can be acknowledged would pile its frames up in the readers' memory: in
replay mode nothing may be dropped, so the only way out is to read slower.
"""

import threading
import time

# How soon a stop is noticed while no result comes.
_POLL_S = 0.1
# Of the usual waiting, while nothing has come since frames were given up: a file whose readers hear
# nothing any more must come to its end.
_SHARE_WITHOUT_RESULTS = 0.1


class InFlight:
    """Stamps of the frames that were published and not acknowledged. Thread-safe."""

    def __init__(self, limit: int) -> None:
        """Starts with nothing in flight.

        Args:
            limit: Frames that may be unacknowledged at once; 0 sets no limit.
        """
        self._limit = limit
        self._stamps: set[int] = set()
        self._gave_up = False
        self._changed = threading.Condition()

    def published(self, stamp_ns: int) -> None:
        """Notes a frame that is on its way."""
        if self._limit:
            with self._changed:
                self._stamps.add(stamp_ns)

    def acknowledged(self, stamp_ns: int) -> None:
        """Notes the result of a frame."""
        with self._changed:
            self._stamps.discard(stamp_ns)
            self._gave_up = False
            self._changed.notify_all()

    def wait(self, timeout_s: float, stop: threading.Event) -> bool:
        """Waits until another frame may be published.

        Args:
            timeout_s: Seconds without any result after which the frames in flight count as lost; a
                tenth of it while none has come since the last were given up.
            stop: Ends the waiting.

        Returns:
            False when frames were given up.
        """
        return self._wait(self._limit - 1, timeout_s, stop)

    def wait_for_all(self, timeout_s: float, stop: threading.Event) -> bool:
        """Waits until every frame is acknowledged; see `wait`."""
        return self._wait(0, timeout_s, stop)

    def _wait(self, allowed: int, timeout_s: float, stop: threading.Event) -> bool:
        with self._changed:
            since_s = time.monotonic()
            while self._limit and len(self._stamps) > allowed and not stop.is_set():
                before = len(self._stamps)
                self._changed.wait(_POLL_S)
                if len(self._stamps) < before:
                    since_s = time.monotonic()
                elif time.monotonic() - since_s > self._patience_s(timeout_s):
                    self._stamps.clear()
                    self._gave_up = True
                    return False
        return True

    def _patience_s(self, timeout_s: float) -> float:
        return timeout_s * _SHARE_WITHOUT_RESULTS if self._gave_up else timeout_s
