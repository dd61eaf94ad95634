"""Makes config/foxglove/*.json: `python -m emotion_viewers.foxglove.layout`."""

import json
from typing import TYPE_CHECKING, Final

from emotion_perception.drawing.style import UNCERTAIN_COLOR, Bgr, emotion_color
from emotion_perception.files.resources import config_path
from emotion_perception.labels import EMOTION_NAMES, UNCERTAIN_NAME
from emotion_viewers.foxglove.schemas import (
    ANNOTATIONS_TOPIC,
    DIAGNOSTICS_TOPIC,
    EMOTIONS_TOPIC,
    IMAGE_TOPIC,
)

if TYPE_CHECKING:
    from foxglove.layouts import (
        Content,
        DiagnosticsSummaryPanel,
        ImagePanel,
        Layout,
        PlotPanel,
        SplitContainer,
        StateTransitionsPanel,
        TabContainer,
        VariableSliderPanel,
    )

OVERLAY_TOPIC: Final = '/emotions/image'
"""Where the overlay node and `emotion annotate-bag` publish annotated images."""

_VARIABLE: Final = 'track'
_NEAREST: Final = f'{EMOTIONS_TOPIC}.faces[0]'
_CHOSEN: Final = f'{EMOTIONS_TOPIC}.faces[:]{{track_id==${_VARIABLE}}}'
_STALE_S: Final = 5.0


def layouts() -> 'dict[str, Layout]':
    """The shipped layouts by file name: one for what this package serves and records, one for bags.

    Both show images, probabilities, emotions over time and diagnostics. The message paths hold
    for the recordings of this package as well as for a bag.
    """
    return {'emotions.json': _layout(_annotated_image()), 'rosbag.json': _layout(_bag_images())}


def layout_text(layout: 'Layout') -> str:
    """A layout as the text of a JSON file."""
    return json.dumps(json.loads(layout.to_json()), indent=2) + '\n'


def _layout(images: 'Content') -> 'Layout':
    from foxglove.layouts import Layout

    left = _split('column', (3, images), (1, _diagnostics()))
    right = _split('column', (3, _plots()), (2, _transitions()), (0.4, _chooser()))
    return Layout(content=_split('row', (3, left), (2, right)), variables={_VARIABLE: 1})


def _annotated_image() -> 'ImagePanel':
    from foxglove.layouts import ImageAnnotationSettings, ImageConfig, ImageModeConfig, ImagePanel

    mode = ImageModeConfig(
        image_topic=IMAGE_TOPIC,
        annotations={ANNOTATIONS_TOPIC: ImageAnnotationSettings(visible=True)},
    )
    # Boxes belong to exactly the image of their stamp.
    synced = {IMAGE_TOPIC: True, ANNOTATIONS_TOPIC: True}
    config = ImageConfig(image_mode=mode, synchronize=True, synced_topics=synced)
    return ImagePanel(title='Faces', config=config)


def _bag_images() -> 'TabContainer':
    from foxglove.layouts import ImageConfig, ImageModeConfig, ImagePanel, TabContainer, TabItem

    tabs = []
    for title, topic in (('Camera', IMAGE_TOPIC), ('Overlay', OVERLAY_TOPIC)):
        config = ImageConfig(image_mode=ImageModeConfig(image_topic=topic))
        tabs.append(TabItem(title=title, content=ImagePanel(title=title, config=config)))
    return TabContainer(tabs=tabs)


def _plots() -> 'TabContainer':
    from foxglove.layouts import TabContainer, TabItem

    return TabContainer(
        tabs=[
            TabItem(title='Nearest face', content=_probabilities('Nearest face', _NEAREST)),
            TabItem(title='Chosen face', content=_probabilities('Chosen face', _CHOSEN)),
        ]
    )


def _probabilities(title: str, face: str) -> 'PlotPanel':
    from foxglove.layouts import PlotConfig, PlotPanel, PlotSeries

    series = [
        PlotSeries(
            value=f'{face}.probabilities[{index}]',
            label=name,
            color=_hex(emotion_color(index)),
            timestamp_method='headerStamp',
        )
        for index, name in enumerate(EMOTION_NAMES)
    ]
    config = PlotConfig(
        paths=series,
        min_y_value=0,
        max_y_value=1,
        show_legend=True,
        legend_display='left',
        show_plot_values_in_legend=True,
        is_synced=True,
        x_axis_val='timestamp',
        y_axis_label='probability',
    )
    return PlotPanel(title=f'Probabilities: {title.lower()}', config=config)


def _transitions() -> 'StateTransitionsPanel':
    from foxglove.layouts import (
        StateTransitionsConfig,
        StateTransitionsDiscreteCustomState,
        StateTransitionsDiscreteCustomStates,
        StateTransitionsPanel,
        StateTransitionsSeries,
    )

    colors = {name: emotion_color(index) for index, name in enumerate(EMOTION_NAMES)}
    states = StateTransitionsDiscreteCustomStates(
        states=[
            StateTransitionsDiscreteCustomState(value=name, label=name, color=_hex(color))
            for name, color in {**colors, UNCERTAIN_NAME: UNCERTAIN_COLOR}.items()
        ]
    )
    series = [
        StateTransitionsSeries(
            value=f'{face}.emotion',
            label=label,
            timestamp_method='headerStamp',
            custom_states=states,
        )
        for label, face in (('Nearest face', _NEAREST), ('Chosen face', _CHOSEN))
    ]
    config = StateTransitionsConfig(paths=series, is_synced=True, show_legend=True)
    return StateTransitionsPanel(title='Emotions', config=config)


def _chooser() -> 'VariableSliderPanel':
    from foxglove.layouts import VariableSliderConfig, VariableSliderPanel, VariableSliderProps

    config = VariableSliderConfig(
        global_variable_name=_VARIABLE, slider_props=VariableSliderProps(min=1, max=50, step=1)
    )
    return VariableSliderPanel(title='Track id of the chosen face', config=config)


def _diagnostics() -> 'DiagnosticsSummaryPanel':
    from foxglove.layouts import DiagnosticsSummaryConfig, DiagnosticsSummaryPanel

    config = DiagnosticsSummaryConfig(
        topic_to_render=DIAGNOSTICS_TOPIC,
        min_level=0,
        sort_by_level=True,
        seconds_until_stale=_STALE_S,
    )
    return DiagnosticsSummaryPanel(title='Nodes', config=config)


def _split(direction: str, *parts: 'tuple[float, Content]') -> 'SplitContainer':
    from foxglove.layouts import SplitContainer, SplitItem

    items = [SplitItem(proportion=share, content=content) for share, content in parts]
    return SplitContainer(direction='row' if direction == 'row' else 'column', items=items)


def _hex(color: Bgr) -> str:
    blue, green, red = color
    return f'#{red:02x}{green:02x}{blue:02x}'


def main() -> None:
    """Writes the shipped layouts anew."""
    for name, layout in layouts().items():
        path = config_path('foxglove') / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(layout_text(layout), encoding='utf-8')
        print(path)


if __name__ == '__main__':
    main()
