"""A detector that looks at images in a thread of its own, while others are processed."""

import contextlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from emotion_perception.detection.base import FaceDetector
from emotion_perception.types import BgrImage, Detection

# What is processed now goes before what may be found anew.
_NICENESS = 10


class BackgroundDetection:
    """Looks at one image at a time. The networks let go of Python's lock while they work."""

    def __init__(self, detector: FaceDetector) -> None:
        """Stores the detector; the first search starts the thread.

        Args:
            detector: Used by the thread alone from now on.
        """
        self._detector = detector
        self._thread = ThreadPoolExecutor(1, 'face_detection', _give_way)
        self._look: Future[list[Detection]] | None = None

    def start(self, image: BgrImage, score_threshold: float, min_face_size: int) -> bool:
        """Starts a look at a copy of an image; returns False while another one is going on."""
        if self._look is not None:
            return False
        arguments = image.copy(), score_threshold, min_face_size
        self._look = self._thread.submit(self._detector.detect, *arguments)
        return True

    def take(self) -> list[Detection] | None:
        """The faces of the last look, once; None before it has ended.

        Raises:
            Exception: What the detector raised.
        """
        if self._look is None or not self._look.done():
            return None
        look, self._look = self._look, None
        return look.result()

    def forget(self) -> None:
        """The last look is of no interest any more."""
        self._look = None

    def finish(self) -> None:
        """Waits for the end of the last look, which is of no interest any more.

        Two looks at whole images at once would be no quicker, and need the memory of both.
        """
        if self._look is not None and not self._look.cancel():
            wait((self._look,))
        self._look = None

    def close(self) -> None:
        """Ends the thread, after its last look."""
        self._thread.shutdown()


def _give_way() -> None:
    """Lowers the priority of this thread, where threads have one of their own (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
