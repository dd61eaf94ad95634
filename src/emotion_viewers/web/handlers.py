"""What happens when something is uploaded or pressed. Needs Gradio."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.pipeline import PipelineSettings
from emotion_viewers.web.chosen import Chosen, Controls
from emotion_viewers.web.components import (
    choices,
    downloads,
    no_downloads,
    probability_frame,
    summary_text,
    tell,
    timeline_plot,
)
from emotion_viewers.web.limits import VIDEOS_AT_ONCE, Limits
from emotion_viewers.web.live import image_of_url, process_webcam
from emotion_viewers.web.networks import PageNetworks
from emotion_viewers.web.photo import PhotoResult, process_photo
from emotion_viewers.web.tables import SLIDERS, face_names, face_rows, slider_label
from emotion_viewers.web.uploads import visitor_text
from emotion_viewers.web.video import GoneError, StoppedError, VideoResult, Watch, process_video
from emotion_viewers.web.video_queue import VideoQueue
from emotion_viewers.web.visitors import Visitor, Visitors

_FILES = 3  # annotated, JSON, CSV


class Handlers:
    """The page's functions; each says what is wrong in a sentence and clears what it shows.

    What many of them get at their end are the values of `Controls`.

    Args:
        networks: Find the faces and tell their emotions.
        visitors: Keeps the visitors' files apart.
        settings: Those that no slider changes.
        limits: How much a visitor may ask for.
        examples: Pictures that visitors may choose.
    """

    def __init__(
        self,
        networks: PageNetworks,
        visitors: Visitors,
        settings: PipelineSettings,
        limits: Limits,
        examples: Sequence[Path],
    ) -> None:
        self._networks = networks
        self._visitors = visitors
        self._settings = settings
        self._limits = limits
        self._examples = examples
        self._videos = VideoQueue(VIDEOS_AT_ONCE)

    def photo(self, path: str | None, request: gr.Request, *controls: Any) -> list[Any]:
        """Photo, annotated photo, table, choice of faces, chart and files."""
        if path is None:
            return _no_photo()
        photo = Path(path)
        chosen = self._chosen(controls)
        with self._visitors.job(_id(request), photo) as visitor:
            visitor.photo = None
            try:
                result = process_photo(photo, visitor.new_results('photo'), self._networks, chosen)
            except EmotionPerceptionError as error:
                tell(visitor_text(error, photo))
                return _no_photo()
            visitor.photo = result.record
            return [path, *_photo_outputs(result)]

    def no_photo(self, request: gr.Request) -> list[Any]:
        """The same, all of it empty: the photo has been removed."""
        with self._visitors.job(_id(request)) as visitor:
            visitor.photo = None
        return _no_photo()

    def example(self, index: int, request: gr.Request) -> str:
        """An example picture, in the place of the photo."""
        with self._visitors.job(_id(request)) as visitor:
            # A copy: what a visitor has looked at goes with the visitor.
            return str(shutil.copy(self._examples[index], visitor.folder))

    def face(self, name: str, request: gr.Request) -> Any:
        """The chart of the face that was chosen."""
        with self._visitors.job(_id(request)) as visitor:
            record = visitor.photo or {'faces': []}
            named = dict(zip(face_names(record), record['faces'], strict=True))
            return probability_frame(named.get(name))

    def video(
        self,
        path: str | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio finds it there
        *controls: Any,
    ) -> list[Any]:
        """Annotated video, summary, choice of people, timeline and files."""
        if path is None:
            tell('Choose a video first.')
            return _no_video()
        video = Path(path)
        chosen = self._chosen(controls)
        with self._visitors.job(_id(request), video) as visitor:
            visitor.stopped, visitor.timeline = False, None
            watch = _watch(visitor, progress)
            limit = self._limits.video_s
            try:
                with self._videos.turn(lambda before: _wait(watch, progress, before)):
                    result = process_video(
                        video, visitor.new_results('video'), self._networks, chosen, limit, watch
                    )
            except EmotionPerceptionError as error:
                tell(visitor_text(error, video))
                return _no_video()
            visitor.timeline = result.timeline
            for remark in result.remarks:
                tell(visitor_text(remark, video))
            return _video_outputs(result)

    def claim(self, path: str | None, request: gr.Request) -> None:
        """Keeps an upload for the visitor, who may take a while to press the button."""
        if path is not None:
            with self._visitors.job(_id(request), Path(path)):
                pass

    def person(self, name: str, request: gr.Request) -> Any:
        """The timeline of the person that was chosen."""
        with self._visitors.job(_id(request)) as visitor:
            timeline = visitor.timeline
            if timeline is None:
                return None
            named = {_person_name(track): track for track in timeline.people()}
            return timeline_plot(timeline.points(named.get(name, -1)))

    def live(self, url: str | None, request: gr.Request, *controls: Any) -> tuple[Any, Any]:
        """Annotated image and probabilities of the largest face, for one image of a webcam."""
        if not url:
            return None, None
        chosen = self._chosen(controls)
        with self._visitors.job(_id(request)) as visitor:
            if visitor.stream is None or visitor.stream.label_set != chosen.label_set:
                visitor.stream = self._networks.stream(chosen)
            try:
                image, now_ns = image_of_url(url), time.monotonic_ns()
                result = process_webcam(image, now_ns, visitor.stream, chosen)
            except EmotionPerceptionError as error:
                tell(str(error))
                return None, None
        return result.url, result.probabilities or None

    def stop(self, request: gr.Request) -> None:
        """Ends the video that is being processed, with what there is, or the waiting for it."""
        self._visitors.stop(_id(request))

    def forget(self, request: gr.Request) -> None:
        """Removes what belongs to a visitor who has left."""
        self._visitors.end(_id(request))

    def _chosen(self, controls: Sequence[Any]) -> Chosen:
        return Controls(*controls).chosen(self._settings)


def _photo_outputs(result: PhotoResult) -> list[Any]:
    faces = result.record['faces']
    if not faces:
        smaller = slider_label(SLIDERS[1])
        tell(f'No face was found: try a larger or clearer image, or a lower “{smaller}”.')
    return [
        *(str(result.image), face_rows(result.record)),
        *(choices(face_names(result.record)), probability_frame(faces[0] if faces else None)),
        *downloads(result.image, result.json, result.csv),
    ]


def _no_photo() -> list[Any]:
    return [None, None, [], choices([]), None, *no_downloads(_FILES)]


def _video_outputs(result: VideoResult) -> list[Any]:
    people = result.timeline.people()
    return [
        *(str(result.video), summary_text(result.summary)),
        choices([_person_name(track) for track in people]),
        timeline_plot(result.timeline.points(people[0]) if people else []),
        *downloads(result.video, result.json, result.csv),
    ]


def _no_video() -> list[Any]:
    return [None, '', choices([]), None, *no_downloads(_FILES)]


def _person_name(track_id: int) -> str:
    return f'Person {track_id}'


def _watch(visitor: Visitor, progress: gr.Progress) -> Watch:
    def show(done: int, total: int | None) -> None:
        progress((done, total), desc='Looking for faces', unit='frames')

    return Watch(show, lambda: visitor.stopped, lambda: visitor.ended)


def _wait(watch: Watch, progress: gr.Progress, before: int) -> None:
    if watch.gone():
        raise GoneError
    if watch.stopped():
        raise StoppedError('Stopped before the video was begun.')
    videos = 'video' if before == 1 else 'videos'
    progress(0.0, desc=f'Waiting for {before} other {videos}')


def _id(request: gr.Request) -> str:
    return str(request.session_hash)
