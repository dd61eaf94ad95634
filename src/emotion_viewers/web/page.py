"""The page itself: what is where, and which handler serves which component. Needs Gradio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from emotion_perception.pipeline import PipelineSettings
from emotion_perception.settings.setting import Setting
from emotion_perception.settings.tables import BLUR_FACES, LABELS
from emotion_viewers.web.components import (
    download_buttons,
    example_buttons,
    probability_chart,
    result_image,
    show_model_card,
    take_data_urls,
    take_uploads,
    timeline_chart,
)
from emotion_viewers.web.handlers import Handlers
from emotion_viewers.web.limits import MAX_VIDEOS, Limits
from emotion_viewers.web.model_card import NOTICE, model_card
from emotion_viewers.web.networks import PageNetworks
from emotion_viewers.web.tables import FACE_HEADERS, SLIDERS, slider_label

CSS: Final = """
#notice { border-left: 4px solid #d55e00; padding: .6rem 1rem; border-radius: .4rem;
  background: var(--block-background-fill); }
#image img, #annotated video { max-height: 28rem; }
.card img { max-height: 34rem; object-fit: contain; }
.example img { width: auto; height: 4rem; border-radius: .4rem; }
.card pre { white-space: pre-wrap; overflow: hidden; } /* only what can be focused may scroll */
#faces:not(:has(td)) * { overflow: hidden; }
input[type=range]::-webkit-slider-thumb { border: 2px solid var(--color-accent); }
input[type=range]::-moz-range-thumb { border: 2px solid var(--color-accent); }
.card td { overflow-wrap: normal; word-break: normal; }
.dark [role=tab].selected { color: var(--primary-400); }
/* Vega's menu has no name for people who do not see it, and leads to another host. */
#timeline details { display: none; }
/* Gradio's scissors load a program from another host. */
#video button[aria-label^='Trim'], #video button[aria-label^='Reset'] { display: none; }
"""
SCRIPT: Final = Path(__file__).with_name('results_stream.js').read_text(encoding='utf-8')
"""Mends how Gradio's browser side hears of results."""

_STREAM_EVERY_S: Final = 0.1
_LONGEST_STREAM_S: Final = 3600  # a forgotten tab must not hold a place for ever
_STREAMS: Final = 8
_UPLOAD_HEIGHT: Final = '20rem'  # of the empty place too: the buttons below must not move away
_PRIVATE: Final[dict[str, Any]] = {'api_visibility': 'private'}
# What a control says last holds: one that is moved while the page is at work is heard after it.
_FOLLOW: Final[dict[str, Any]] = {'trigger_mode': 'always_last', **_PRIVATE}
# Answered at once, by the request itself: it waits behind nothing that is at work.
_AT_ONCE: Final[dict[str, Any]] = {'queue': False, 'show_progress': 'hidden'}
_WEBCAM_HINT: Final = (
    'Each image is looked at and then forgotten: nothing is recorded, whatever your browser calls '
    'the button that starts it.'
)
_HEADS: Final = (
    'Draw how each head is turned (red forward, green to its left, blue up) and where it looks '
    '(yellow).'
)

WORDS: Final = gr.I18n(en={'audio.record': 'Start'})
"""Gradio's words that say something else than what the page does."""


class Page:
    """Builds the page.

    Args:
        handlers: What happens when something is uploaded or pressed.
        files: Folder of the uploads.
        settings: What the sliders start with.
        limits: How much a visitor may ask for.
        card: Model card of the model in use, a Markdown file.
        networks: Whose labels a visitor may choose between.
        examples: Pictures to try it with.
    """

    def __init__(
        self,
        handlers: Handlers,
        files: Path,
        settings: PipelineSettings,
        limits: Limits,
        card: Path,
        networks: PageNetworks,
        examples: Sequence[Path],
    ) -> None:
        self._handlers = handlers
        self._files = files
        self._settings = settings
        self._limits = limits
        self._card = card
        self._networks = networks
        self._examples = examples

    def build(self) -> gr.Blocks:
        """The page, ready to be mounted."""
        blocks: gr.Blocks
        with gr.Blocks(title='Facial emotions', analytics_enabled=False) as blocks:
            gr.Markdown('# Facial emotions\nEvery face in a photo, a video or your webcam.')
            gr.Markdown(NOTICE, elem_id='notice')
            with gr.Accordion('Settings', open=False):
                with gr.Row():
                    sliders = self._sliders()
                with gr.Row():
                    switches = [self._labels(), self._blur(), self._heads()]
            chosen = [*sliders, *switches]
            with gr.Tab('Photo'):
                self._photo_tab(chosen)
            with gr.Tab('Video'):
                self._video_tab(chosen)
            with gr.Tab('Webcam'):
                self._webcam_tab(chosen)
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
                info=_info(setting),
                elem_id=setting.name,
            )
            for setting in SLIDERS
        ]

    def _labels(self) -> gr.Radio:
        return gr.Radio(
            list(self._networks.label_sets),
            value=self._networks.default_labels,
            label='Labels',
            info=_info(LABELS),
            elem_id='labels',
        )

    def _blur(self) -> gr.Checkbox:
        return gr.Checkbox(False, label='Blur faces', info=_info(BLUR_FACES), elem_id='blur')

    def _heads(self) -> gr.Checkbox:
        return gr.Checkbox(
            self._settings.wants_heads, label='Heads and gaze', info=_HEADS, elem_id='heads'
        )

    def _photo_tab(self, chosen: Sequence[Component]) -> None:
        threshold, face_size, _, *switches = chosen
        with gr.Row():
            with gr.Column():
                photo = gr.Image(
                    label=f'Photo of up to {self._limits.upload_mb} MB',
                    sources=['upload', 'clipboard'],
                    buttons=[],
                    height=_UPLOAD_HEIGHT,
                    alt_text='Your photo',
                    elem_id='photo',
                )
                examples = example_buttons(self._examples)
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
        inputs, outputs = [photo, *chosen], [photo, image, table, person, chart, *files]
        changes = [
            photo.upload,
            *(slider.change for slider in (threshold, face_size)),
            *(choice.input for choice in switches),
        ]
        # One after the other, so that what was asked for last is shown last.
        shown = {'outputs': outputs, 'show_progress_on': [image], 'concurrency_id': 'photo'}
        process = self._handlers.photo, inputs
        jobs = [gr.on(changes, *process, **shown, **_FOLLOW)]
        for index, button in enumerate(examples):
            chosen_example = button.click(
                self._handlers.example, gr.State(index), photo, **_AT_ONCE, **_FOLLOW
            )
            jobs.append(chosen_example.success(*process, **shown, **_FOLLOW))
        # Without the photo: after an example Gradio sends what was there before it was cleared.
        photo.clear(self._handlers.no_photo, None, outputs, cancels=jobs, **_AT_ONCE, **_PRIVATE)
        person.input(self._handlers.face, person, chart, **_AT_ONCE, **_FOLLOW)

    def _video_tab(self, chosen: Sequence[Component]) -> None:
        with gr.Row():
            with gr.Column():
                video = gr.Video(
                    label=f'Video of up to {self._limits.video_s} s, {self._limits.upload_mb} MB',
                    sources=['upload'],
                    buttons=[],
                    height=_UPLOAD_HEIGHT,
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
            [video, *chosen],
            [result, summary, person, timeline, *files],
            show_progress_on=[result],
            concurrency_limit=MAX_VIDEOS,
            **_PRIVATE,
        )
        video.upload(self._handlers.claim, video, **_AT_ONCE, **_PRIVATE)
        stop.click(self._handlers.stop, **_AT_ONCE, **_PRIVATE)
        person.input(self._handlers.person, person, timeline, **_AT_ONCE, **_FOLLOW)

    def _webcam_tab(self, chosen: Sequence[Component]) -> None:
        gr.Markdown(_WEBCAM_HINT)
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
            [camera, *chosen],
            [live, largest],
            stream_every=_STREAM_EVERY_S,
            time_limit=_LONGEST_STREAM_S,
            concurrency_limit=_STREAMS,
            show_progress='hidden',
            **_PRIVATE,
        )


def _info(setting: Setting) -> str:
    return f'{setting.help[0].upper()}{setting.help[1:]}.'
