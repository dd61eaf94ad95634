"""Who is on the page, and which files are theirs: they go when the visitor goes."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from emotion_perception.outputs.results import Record
from emotion_viewers.web.emotion_timeline import Timeline
from emotion_viewers.web.networks import Stream

_FORGET_UPLOAD_S: Final = 600.0
_FORGET_SESSION_S: Final = 6 * 3600.0


class Session:
    """One open page.

    Attributes:
        folder: Its results; exists.
        ended: Whether the visitor has left.
        stopped: Whether the visitor wants the video that is being processed to end here.
        photo: The last result of a photo.
        timeline: Of the last video.
        stream: Of the webcam, once there is one.
        seen: When it was last used, in seconds of the clock.
    """

    def __init__(self, folder: Path, now: float) -> None:
        self.folder = folder
        self.ended = False
        self.stopped = False
        self.photo: Record | None = None
        self.timeline: Timeline | None = None
        self.stream: Stream | None = None
        self.seen = now
        self.jobs = 0
        self.uploads: set[Path] = set()


class Sessions:
    """All open pages; may be used from any thread.

    Args:
        files: Folder of the uploads, which the web server puts into subfolders of their own, and of
            the results.
        clock: Seconds since the epoch, as file times are.
    """

    def __init__(self, files: Path, clock: Callable[[], float] = time.time) -> None:
        self._files = files
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}

    @contextmanager
    def job(self, session_id: str, upload: Path | None = None) -> Iterator[Session]:
        """A session for the time of one job, whose files go if the visitor left meanwhile.

        Args:
            session_id: From the browser; a new one opens a session.
            upload: The file that the job reads; it belongs to the session from now on.
        """
        with self._lock:
            session = self._sessions.get(session_id)
            is_new = session is None
            if session is None:
                session = self._sessions[session_id] = Session(self._new_folder(), self._clock())
            session.seen = self._clock()
            session.jobs += 1
            if upload is not None:
                session.uploads.add(upload)
            if is_new:
                self._remove_old()
        try:
            yield session
        finally:
            with self._lock:
                session.jobs -= 1
                if session.ended:
                    self._remove(session)

    def stop(self, session_id: str) -> None:
        """Asks the jobs of a session to end with what they have."""
        with self._lock:
            if session_id in self._sessions:
                self._sessions[session_id].stopped = True

    def end(self, session_id: str) -> None:
        """Removes the files of a session, at once or at the end of its jobs."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is not None:
                self._end(session)
            self._remove_old()

    def _end(self, session: Session) -> None:
        session.ended = True
        session.stream = None
        if not session.jobs:
            self._remove(session)

    def _new_folder(self) -> Path:
        # The name is the only thing that keeps visitors from each other's results.
        folder = self._files / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        return folder

    def _remove(self, session: Session) -> None:
        shutil.rmtree(session.folder, ignore_errors=True)
        # Equal files of two visitors are one file.
        for upload in session.uploads - self._uploads_in_use():
            _remove_upload(upload)

    def _remove_old(self) -> None:
        """Ends sessions that never said goodbye, and removes uploads that never became a job."""
        now = self._clock()
        for session_id, session in list(self._sessions.items()):
            if not session.jobs and now - session.seen > _FORGET_SESSION_S:
                self._end(self._sessions.pop(session_id))
        kept = self._uploads_in_use() | {session.folder for session in self._sessions.values()}
        for path in self._files.glob('*'):
            with suppress(OSError):
                if now - path.stat().st_ctime < _FORGET_UPLOAD_S:
                    continue
                if not any(path == keep or path in keep.parents for keep in kept):
                    _remove_path(path)

    def _uploads_in_use(self) -> set[Path]:
        return {path for session in self._sessions.values() for path in session.uploads}


def _remove_upload(upload: Path) -> None:
    with suppress(OSError):
        upload.unlink(missing_ok=True)
        upload.parent.rmdir()


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
