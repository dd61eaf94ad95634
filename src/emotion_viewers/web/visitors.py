"""Who is on the page, and which files are theirs: they go when the visitor goes."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from emotion_perception.outputs.results import FrameRecord
from emotion_viewers.web.emotion_timeline import EmotionTimeline
from emotion_viewers.web.networks import Stream

_FORGET_UPLOAD_S: Final = 600.0
_FORGET_VISITOR_S: Final = 6 * 3600.0


class Visitor:
    """One visitor: an open page.

    Attributes:
        folder: Its results; exists.
        ended: Whether the visitor has left.
        stopped: Whether the visitor wants the video that is processed or waits to end here.
        photo: The last result of a photo.
        timeline: Of the last video.
        stream: Of the webcam, once there is one.
        seen: When it was last used, in seconds of the clock.
    """

    def __init__(self, folder: Path, now: float) -> None:
        self.folder = folder
        self.ended = False
        self.stopped = False
        self.photo: FrameRecord | None = None
        self.timeline: EmotionTimeline | None = None
        self.stream: Stream | None = None
        self.seen = now
        self.jobs = 0
        self.uploads: set[Path] = set()
        self._results: dict[str, list[Path]] = {}

    def new_results(self, kind: str) -> Path:
        """A new folder for the results of a photo or video; those before the last are removed.

        A browser loads no image again whose address stays the same, and nobody else is to guess it.
        It may still be loading the last ones.

        Args:
            kind: What it is the result of.
        """
        results = self._results.setdefault(kind, [])
        while len(results) > 1:
            shutil.rmtree(results.pop(0), ignore_errors=True)
        folder = self.folder / f'{kind}-{secrets.token_hex(16)}'
        folder.mkdir(mode=0o700)
        results.append(folder)
        return folder


class Visitors:
    """All visitors; may be used from any thread.

    Args:
        files: Folder of the uploads, which the web server puts into subfolders of their own, and of
            the results.
        clock: Seconds since the epoch, as file times are.
    """

    def __init__(self, files: Path, clock: Callable[[], float] = time.time) -> None:
        self._files = files
        self._clock = clock
        self._lock = Lock()
        self._visitors: dict[str, Visitor] = {}

    @contextmanager
    def job(self, visitor_id: str, upload: Path | None = None) -> Iterator[Visitor]:
        """A visitor for the time of one job, whose files go if the visitor left meanwhile.

        Args:
            visitor_id: From the browser; a new one is a new visitor.
            upload: The file that the job reads; it belongs to the visitor from now on.
        """
        with self._lock:
            visitor = self._visitors.get(visitor_id)
            is_new = visitor is None
            if visitor is None:
                visitor = self._visitors[visitor_id] = Visitor(self._new_folder(), self._clock())
            visitor.seen = self._clock()
            visitor.jobs += 1
            if upload is not None:
                visitor.uploads.add(upload)
            if is_new:
                self._remove_old()
        try:
            yield visitor
        finally:
            with self._lock:
                visitor.jobs -= 1
                if visitor.ended:
                    self._remove(visitor)

    def stop(self, visitor_id: str) -> None:
        """Asks the jobs of a visitor to end with what they have."""
        with self._lock:
            if visitor_id in self._visitors:
                self._visitors[visitor_id].stopped = True

    def end(self, visitor_id: str) -> None:
        """Removes the files of a visitor, at once or at the end of its jobs."""
        with self._lock:
            visitor = self._visitors.pop(visitor_id, None)
            if visitor is not None:
                self._end(visitor)
            self._remove_old()

    def _end(self, visitor: Visitor) -> None:
        visitor.ended = True
        visitor.stream = None
        if not visitor.jobs:
            self._remove(visitor)

    def _new_folder(self) -> Path:
        # The name is the only thing that keeps visitors from each other's results.
        folder = self._files / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        return folder

    def _remove(self, visitor: Visitor) -> None:
        shutil.rmtree(visitor.folder, ignore_errors=True)
        # Equal files of two visitors are one file.
        for upload in visitor.uploads - self._uploads_in_use():
            _remove_upload(upload)

    def _remove_old(self) -> None:
        """Forgets visitors that never said goodbye, and removes uploads that never became a job."""
        now = self._clock()
        for visitor_id, visitor in list(self._visitors.items()):
            if not visitor.jobs and now - visitor.seen > _FORGET_VISITOR_S:
                self._end(self._visitors.pop(visitor_id))
        kept = self._uploads_in_use() | {visitor.folder for visitor in self._visitors.values()}
        for path in self._files.glob('*'):
            with suppress(OSError):
                if now - path.stat().st_ctime < _FORGET_UPLOAD_S:
                    continue
                if not any(path == keep or path in keep.parents for keep in kept):
                    _remove_path(path)

    def _uploads_in_use(self) -> set[Path]:
        return {path for visitor in self._visitors.values() for path in visitor.uploads}


def _remove_upload(upload: Path) -> None:
    with suppress(OSError):
        upload.unlink(missing_ok=True)
        upload.parent.rmdir()


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
