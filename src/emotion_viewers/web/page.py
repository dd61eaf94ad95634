"""The page itself: what is where, and which handler serves which component. Needs Gradio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr

from emotion_perception.pipeline import PipelineSettings
from emotion_viewers.web.components import (
    download_buttons,
    probability_chart,
    result_image,
    show_model_card,
    take_data_urls,
    take_uploads,
    timeline_chart,
)
from emotion_viewers.web.handlers import Handlers
from emotion_viewers.web.limits import Limits
from emotion_viewers.web.model_card import NOTICE, model_card
from emotion_viewers.web.tables import FACE_HEADERS, SLIDERS, slider_label

CSS: Final = """
#notice { border-left: 4px solid #d55e00; padding: .6rem 1rem; border-radius: .4rem;
  background: var(--block-background-fill); }
#photo img, #image img, #video video, #annotated video { max-height: 28rem; }
.card img { max-height: 34rem; object-fit: contain; }
.card td { overflow-wrap: normal; word-break: normal; }
/* Gradio's scissors load a program from another host. */
#video button[aria-label^='Trim'], #video button[aria-label^='Reset'] { display: none; }
"""
_STREAM_EVERY_S: Final = 0.1
_LONGEST_STREAM_S: Final = 3600  # a forgotten tab must not hold a place for ever
_STREAMS: Final = 8
_VIDEOS: Final = 2
_PRIVATE: Final[dict[str, Any]] = {'api_visibility': 'private'}


class Page:
    """Builds the page.

    Args:
        handlers: What happens when something is uploaded or pressed.
        files: Folder of the uploads.
        settings: What the sliders start with.
        limits: How much a visitor may ask for.
        card: Model card of the model in use, a Markdown file.
    """

    def __init__(
        self,
        handlers: Handlers,
        files: Path,
        settings: PipelineSettings,
        limits: Limits,
        card: Path,
    ) -> None:
        self._handlers = handlers
        self._files = files
        self._settings = settings
        self._limits = limits
        self._card = card

    def build(self) -> gr.Blocks:
        """The page, ready to be mounted."""
        blocks: gr.Blocks
        with gr.Blocks(title='Facial emotions', analytics_enabled=False) as blocks:
            gr.Markdown('# Facial emotions\nEvery face in a photo, a video or your webcam.')
            gr.Markdown(NOTICE, elem_id='notice')
            with gr.Accordion('Settings', open=False), gr.Row():
                sliders = self._sliders()
            with gr.Tab('Photo'):
                self._photo_tab(sliders)
            with gr.Tab('Video'):
                self._video_tab(sliders)
            with gr.Tab('Webcam'):
                self._webcam_tab(sliders)
            with gr.Tab('Model card'):
                show_model_card(model_card(self._card))
            blocks.unload(self._handlers.forget)
        return blocks

    def _sliders(self) -> list[gr.Slider]:
        return [
            gr.Slider(
                *(setting.minimum, setting.maximum, getattr(self._settings, setting.name)),
                step=1 if isinstance(setting.default, int) else 0.05,
                label=slider_label(setting),
                info=f'{setting.help[0].upper()}{setting.help[1:]}.',
                elem_id=setting.name,
            )
            for setting in SLIDERS
        ]

    def _photo_tab(self, sliders: Sequence[gr.Slider]) -> None:
        with gr.Row():
            photo = gr.Image(
                label=f'Photo of up to {self._limits.upload_mb} MB',
                sources=['upload', 'clipboard'],
                buttons=[],
                elem_id='photo',
            )
            with gr.Column():
                image = result_image('Faces found', 'image')
        with gr.Row():
            with gr.Column():
                table = gr.Dataframe(
                    headers=list(FACE_HEADERS),
                    label='Faces',
                    interactive=False,
                    buttons=[],
                    elem_id='faces',
                )
                files = download_buttons('Annotated photo', 'JSON', 'CSV')
            with gr.Column():
                person = gr.Radio([], label='Probabilities of', visible=False)
                chart = probability_chart()
        take_uploads(photo, self._files)
        inputs, outputs = [photo, *sliders], [photo, image, table, person, chart, *files]
        gr.on(
            [photo.upload, photo.clear, *(slider.release for slider in sliders[:2])],
            self._handlers.photo,
            inputs,
            outputs,
            show_progress_on=[image],
            **_PRIVATE,
        )
        person.input(self._handlers.face, person, chart, **_PRIVATE)

    def _video_tab(self, sliders: Sequence[gr.Slider]) -> None:
        with gr.Row():
            with gr.Column():
                video = gr.Video(
                    label=f'Video of up to {self._limits.video_s} s, {self._limits.upload_mb} MB',
                    sources=['upload'],
                    buttons=[],
                    elem_id='video',
                )
                with gr.Row():
                    start = gr.Button('Find emotions', variant='primary')
                    stop = gr.Button('Stop')
            with gr.Column():
                gr.Markdown('**Annotated video**')
                result = gr.Video(
                    show_label=False, interactive=False, buttons=[], elem_id='annotated'
                )
                summary = gr.Markdown(elem_id='summary')
        person = gr.Radio([], label='Timeline of', visible=False)
        timeline = timeline_chart()
        files = download_buttons('Annotated video', 'JSON lines', 'CSV')
        take_uploads(video, self._files)
        start.click(
            self._handlers.video,
            [video, *sliders],
            [result, summary, person, timeline, *files],
            show_progress_on=[result],
            concurrency_limit=_VIDEOS,
            **_PRIVATE,
        )
        video.upload(self._handlers.claim, video, show_progress='hidden', **_PRIVATE)
        stop.click(self._handlers.stop, queue=False, **_PRIVATE)
        person.input(self._handlers.person, person, timeline, **_PRIVATE)

    def _webcam_tab(self, sliders: Sequence[gr.Slider]) -> None:
        with gr.Row():
            camera = gr.Image(
                label='Webcam',
                sources=['webcam'],
                streaming=True,
                buttons=[],
                elem_id='camera',
            )
            with gr.Column():
                live = result_image('Live', 'live')
            largest = gr.Label(label='Largest face', num_top_classes=7, elem_id='largest')
        take_data_urls(camera, live)
        camera.stream(
            self._handlers.live,
            [camera, *sliders],
            [live, largest],
            stream_every=_STREAM_EVERY_S,
            time_limit=_LONGEST_STREAM_S,
            concurrency_limit=_STREAMS,
            show_progress='hidden',
            **_PRIVATE,
        )
