"""Gradio's components as the page uses them, and what is shown in them. Needs Gradio."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
import pandas as pd
from gradio.components.plot import AltairPlotData
from gradio.data_classes import ImageData

from emotion_perception.errors import SourceError
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.outputs.results import FrameRecord, Summary
from emotion_viewers.web.emotion_timeline import Point
from emotion_viewers.web.model_card import CardImage
from emotion_viewers.web.timeline_plot import HEX_COLORS, timeline_spec

_MESSAGE_S: Final = 15


def result_image(title: str, elem_id: str) -> gr.Image:
    """An image that the page makes, below its title: Gradio's own label would cover a face's."""
    gr.Markdown(f'**{title}**')
    return gr.Image(
        **{'alt_text': title, 'show_label': False, 'interactive': False},
        buttons=['fullscreen'],
        elem_id=elem_id,
    )


def tell(sentence: str) -> None:
    """Shows a sentence in a corner of the page, for a while."""
    gr.Warning(html.escape(sentence), duration=_MESSAGE_S, title='Note')


def take_uploads(component: Any, files: Path) -> None:
    """Makes an input component hand on the path of an upload, and of nothing else.

    Gradio would open the file itself, so that a damaged one ends in its own words, and would load
    any address that a browser sends.

    Gradio makes a component anew, without these changes, when an event changes its properties: the
    component may be given values only, and no `gr.skip()`.

    Args:
        component: Image or video input.
        files: Folder that all uploads are in.
    """

    async def only_local(path: str | Path | None) -> str | None:
        if path is not None and not Path(path).resolve().is_relative_to(files):
            raise gr.Error('Only uploaded files are looked at.', print_exception=False)
        return None if path is None else str(path)

    component.async_move_resource_to_block_cache = only_local
    component.preprocess = _path_of


def take_data_urls(camera: Any, live: Any) -> None:
    """Makes a webcam and its result exchange data addresses, so that no file is made.

    They may be given values only, see `take_uploads`.
    """
    camera.preprocess = lambda payload: (payload and payload.url) or None
    live.postprocess = lambda url: ImageData(url=url) if url else None


def probability_chart() -> gr.BarPlot:
    """The chart of one face."""
    return gr.BarPlot(
        **{'x': 'emotion', 'y': 'probability', 'color': 'emotion', 'color_map': HEX_COLORS},
        **{'x_title': ' ', 'y_title': 'Probability', 'y_lim': [0, 1], 'y_axis_format': '.0%'},
        sort=list(EMOTION_NAMES),
        colors_in_legend=[],
        x_label_angle=-35,  # seven names side by side are wider than a phone
        title='Probabilities',
        height=300,
        elem_id='chart',
    )


def probability_frame(face: FrameRecord | None) -> pd.DataFrame | None:
    """The chart's values: a face of a record; None for an empty chart."""
    if face is None:
        return None
    rows = face['probabilities'].items()
    return pd.DataFrame(rows, columns=['emotion', 'probability'])


def timeline_chart() -> gr.Plot:
    """The chart of one person in a video."""
    return gr.Plot(show_label=False, elem_id='timeline')


def timeline_plot(points: Sequence[Point]) -> AltairPlotData | None:
    """The chart's value; None for an empty chart."""
    return AltairPlotData(chart='line', plot=timeline_spec(points)) if points else None


def example_buttons(paths: Sequence[Path]) -> list[gr.Button]:
    """Pictures to press, in a row."""
    with gr.Row():
        return [
            gr.Button(path.stem.replace('_', ' '), icon=path, size='sm', elem_classes='example')
            for path in paths
        ]


def download_buttons(*names: str) -> list[gr.DownloadButton]:
    """Buttons in a row that wait for their files."""
    with gr.Row():
        return [gr.DownloadButton(name, interactive=False, min_width=120) for name in names]


def downloads(*paths: Path) -> list[gr.DownloadButton]:
    """Files for the buttons; buttons without a file wait again."""
    return [gr.DownloadButton(value=str(path), interactive=True) for path in paths]


def no_downloads(count: int) -> list[gr.DownloadButton]:
    """Nothing for the buttons."""
    return [gr.DownloadButton(value=None, interactive=False) for _ in range(count)]


def choices(names: Sequence[str]) -> gr.Radio:
    """A choice of faces or people, the first one chosen; hidden when there is nothing to choose."""
    return gr.Radio(list(names), value=names[0] if names else None, visible=len(names) > 1)


def summary_text(summary: Summary) -> str:
    """A run in a few words of Markdown."""
    shares = [(share, name) for name, share in summary.emotion_shares().items() if share]
    emotions = ', '.join(f'{name} {share:.0%}' for share, name in sorted(shares, reverse=True))
    # Not the number of tracks: who leaves and comes back has two.
    people = summary.most_faces
    return (
        f'**{summary.frames} frames**, {summary.frames_without_face} without a face; '
        f'at most {people} {"person" if people == 1 else "people"} at a time. {emotions}'
    )


def show_model_card(pieces: Sequence[str | CardImage]) -> None:
    """Puts a model card onto the page."""
    for piece in pieces:
        if isinstance(piece, str):
            gr.Markdown(piece, elem_classes='card')
        else:
            gr.Image(
                str(piece.path),
                label=piece.title,
                alt_text=piece.title,
                interactive=False,
                buttons=['fullscreen'],
                elem_classes='card',
            )


def _path_of(payload: Any) -> str | None:
    if payload is None:
        return None
    if not payload.path:
        raise SourceError('The upload has no file: choose it again.')
    return str(payload.path)
