"""Every front end has the settings of the one table: their names, defaults, ranges and texts."""

import argparse
import dataclasses
from importlib import import_module
from pathlib import Path

import pytest

from emotion_bringup.parameter_tables import (
    LAUNCH_ARGUMENTS,
    NODE_PARAMETERS,
    launch_table,
    left_to_file,
    markdown_table,
    written,
)
from emotion_perception.bags.annotate import AnnotateOptions
from emotion_perception.cli import web
from emotion_perception.cli.options import settings_from
from emotion_perception.drawing import OverlayStyle
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.settings.setting import by_name, spelled
from emotion_perception.settings.tables import (
    BY_TIME,
    COMMAND_LINE,
    FACES,
    SHARED,
    STREAM,
    search_interval,
)
from emotion_perception.sources import SourceOptions

ROOT = Path(__file__).parents[1]
NODES = (ROOT / 'docs' / 'nodes.md').read_text(encoding='utf-8')
LAUNCH = (ROOT / 'docs' / 'launch.md').read_text(encoding='utf-8')
COMMANDS = {
    'image': ['photo.png'],
    'video': ['demo'],
    'live': ['demo'],
    'annotate_bag': ['in', 'out'],
    'batch': ['clips', '--out', 'results'],
    'web': [],
    'nodes': [],
}
OFFERED_BY_NONE = {'device_id', 'tensorrt_fp16', 'engine_cache_path'}
"""Settings of the shared table that the nodes alone have."""


def parser_of(command):
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module(f'emotion_perception.cli.{command}').add_arguments(parser)
    return parser


def options(command):
    """The shared settings that a command offers, with argparse's declaration of each."""
    declared = parser_of(command)._option_string_actions
    return [(setting, declared[setting.flag]) for setting in SHARED if setting.flag in declared]


def outside(setting):
    """Values just below and above what is allowed."""
    step = 1 if isinstance(setting.default, int) else 0.01
    return [setting.minimum - step, setting.maximum + step]


OPTIONS = [
    pytest.param(command, setting, action, id=f'{command}-{setting.flag}')
    for command in COMMANDS
    for setting, action in options(command)
]
RANGED = [
    pytest.param(node, setting, id=f'{node}-{setting.name}')
    for node, settings in NODE_PARAMETERS.items()
    for setting in settings
    if setting.minimum is not None
]


# --- the table -----------------------------------------------------------------------------------


def test_a_setting_has_one_declaration():
    """What two nodes, or a node and the core, both have differs in nothing but the node's needs."""
    for node, settings in NODE_PARAMETERS.items():
        assert len(by_name(settings)) == len(settings), node
        for setting in settings:
            shared = by_name(SHARED).get(setting.name)
            if shared is not None:
                assert setting == dataclasses.replace(shared, at_configure=setting.at_configure)


def test_defaults_are_allowed():
    for settings in (SHARED, *NODE_PARAMETERS.values()):
        for setting in settings:
            assert setting.problem(setting.default) == '', setting.name


def test_the_core_has_the_defaults_of_the_table():
    defaults = {setting.name: setting.default for setting in SHARED}
    assert {s.name: s.default for s in (*FACES, *STREAM)} == {
        **dataclasses.asdict(PipelineSettings()),
        'detect_every_n': 0,  # as fits the stream
    }
    source, providers = SourceOptions(), ProviderSettings()
    assert source.frame_rate == defaults['framerate']
    assert (source.width, source.height) == (defaults['image_width'], defaults['image_height'])
    assert (source.pixel_format, source.topic, source.loop) == ('', '', False)
    assert list(providers.execution_providers) == defaults['execution_providers']
    assert (providers.strict, providers.num_threads) == (False, defaults['num_threads'])
    assert (providers.gpu.device_id, providers.gpu.fp16) == (0, defaults['tensorrt_fp16'])
    assert OverlayStyle().blur == defaults['blur_faces']
    overlay = by_name(NODE_PARAMETERS['overlay_node'])
    assert AnnotateOptions().jpeg_quality == overlay['jpeg_quality'].default
    assert OverlayStyle().bars == overlay['draw_probabilities'].default
    assert OverlayStyle().landmarks == overlay['draw_landmarks'].default


# --- command lines -------------------------------------------------------------------------------


def test_every_shared_setting_is_on_some_command_line():
    offered = {setting.name for command in COMMANDS for setting, _ in options(command)}
    assert offered == {setting.name for setting in SHARED} - OFFERED_BY_NONE


@pytest.mark.parametrize(('command', 'setting', 'action'), OPTIONS)
def test_an_option_is_that_of_the_table(command, setting, action):
    assert action.help.startswith(setting.help)
    assert action.dest == setting.short_name
    if setting.choices:
        assert tuple(action.choices) == setting.choices
    if setting.minimum is not None:
        assert setting.range_text in action.help
    default = {('batch', 'num_threads'): 1, ('nodes', 'labels'): ''}.get((command, setting.name))
    wanted = setting.default if default is None else default
    assert action.default == (None if setting.is_file else wanted)


@pytest.mark.parametrize(('command', 'setting', 'action'), OPTIONS)
def test_an_option_refuses_what_a_node_refuses(command, setting, action):
    parser, required = parser_of(command), COMMANDS[command]
    if setting.minimum is None:
        return
    for value in (setting.minimum, setting.maximum):
        number = type(setting.default)(value)
        arguments = parser.parse_args([*required, f'{setting.flag}={number}'])
        assert getattr(arguments, setting.short_name) == number
    for value in (*outside(setting), 'many', 'nan'):
        with pytest.raises(argparse.ArgumentError, match=setting.range_text) as caught:
            parser.parse_args([*required, f'{setting.flag}={value}'])
        assert setting.flag in str(caught.value)


# --- nodes ---------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def ros():
    rclpy = pytest.importorskip('rclpy')
    rclpy.init(args=[])
    yield rclpy
    rclpy.try_shutdown()


def declared_with(ros, node, **values):
    """The parameters of a node that was given some of their values."""
    from emotion_bringup.parameters import declare_parameters

    overrides = [ros.parameter.Parameter(name, value=value) for name, value in values.items()]
    made = ros.create_node(node, parameter_overrides=overrides, start_parameter_services=False)
    try:
        declare_parameters(made, NODE_PARAMETERS[node])
        return {name: made.get_parameter(name).value for name in by_name(NODE_PARAMETERS[node])}
    finally:
        made.destroy_node()


@pytest.mark.parametrize('node', NODE_PARAMETERS)
def test_a_node_takes_the_limits_and_starts_with_the_defaults(ros, node):
    settings = NODE_PARAMETERS[node]
    assert declared_with(ros, node) == {setting.name: setting.default for setting in settings}
    for limit in ('minimum', 'maximum'):
        values = {
            setting.name: type(setting.default)(getattr(setting, limit))
            for setting in settings
            if setting.minimum is not None
        }
        assert declared_with(ros, node, **values).items() >= values.items()


@pytest.mark.parametrize(('node', 'setting'), RANGED)
def test_a_node_refuses_what_lies_outside(ros, node, setting):
    from emotion_bringup.parameters import ParameterError

    for value in outside(setting):
        with pytest.raises(ParameterError, match=f'{setting.name} must be {setting.range_text}'):
            declared_with(ros, node, **{setting.name: value})


# --- launch files --------------------------------------------------------------------------------


def test_each_launch_file_declares_its_table():
    files = {path.name.removesuffix('.launch.py'): path for path in ROOT.glob('launch/*.py')}
    assert set(files) == set(LAUNCH_ARGUMENTS)
    for name, path in files.items():
        text = path.read_text(encoding='utf-8')
        assert f"*launch_arguments('{name}')" in text
        assert 'DeclareLaunchArgument' not in text


@pytest.mark.parametrize('file', LAUNCH_ARGUMENTS)
def test_a_launch_argument_is_the_setting_of_a_node(file):
    """It may have another default, or leave the value to the parameter file."""
    of_nodes = by_name(setting for settings in NODE_PARAMETERS.values() for setting in settings)
    for argument in LAUNCH_ARGUMENTS[file]:
        setting = of_nodes.get(argument.name)
        if setting is not None and argument.default == '':
            setting = left_to_file(setting)  # a switch has a third choice then
        if setting is not None:
            same = ('help', 'minimum', 'maximum', 'choices', 'unit', 'option')
            assert [getattr(argument, each) for each in same] == [
                getattr(setting, each) for each in same
            ]


@pytest.mark.parametrize(
    ('text', 'value'), [('true', True), ('False', False), ('1', True), ('0', False)]
)
def test_a_switch_may_be_written_as_python_does(text, value):
    assert by_name(LAUNCH_ARGUMENTS['live'])['loop'].parse(text) is value


def test_a_switch_that_is_neither_is_told():
    with pytest.raises(ValueError, match="must be true or false, not 'maybe'"):
        by_name(LAUNCH_ARGUMENTS['live'])['loop'].parse('maybe')


# --- documentation and page ----------------------------------------------------------------------


@pytest.mark.parametrize('node', NODE_PARAMETERS)
def test_the_documentation_has_every_setting_of_a_node(node):
    table = markdown_table(NODE_PARAMETERS[node])
    assert table in NODES
    for setting in NODE_PARAMETERS[node]:
        (row,) = [row for row in table.splitlines() if f'| `{setting.name}` |' in row]
        cells = [cell.strip() for cell in row.strip('|').split('|')]
        assert cells[1:] == [
            *(written(setting.default), setting.range_text, setting.may_change),
            setting.full_help,
        ]


def test_the_documentation_has_every_launch_argument():
    table = launch_table()
    assert table in LAUNCH
    for settings in LAUNCH_ARGUMENTS.values():
        for setting in settings:
            assert f'| `{setting.short_name}` |' in table


def test_the_documentation_of_the_page_has_the_defaults_of_its_options():
    page = (ROOT / 'docs' / 'web.md').read_text(encoding='utf-8')
    for setting in web._PAGE:
        assert f'| `{setting.flag}` | `{setting.default}` |' in page


def test_the_sliders_of_the_page_have_the_ranges_of_the_table():
    gradio = pytest.importorskip('gradio', reason='Gradio is not installed: make web-env')
    from emotion_viewers.web.limits import Limits
    from emotion_viewers.web.page import Page
    from emotion_viewers.web.tables import SLIDERS

    given = PipelineSettings(confidence_threshold=0.25, min_face_size=4096, smoothing=9.0)
    page = Page(None, ROOT, given, Limits(), ROOT / 'README.md', None, ())
    with gradio.Blocks():
        sliders = page._sliders()
    table = by_name(SHARED)
    for slider, setting in zip(sliders, SLIDERS, strict=True):
        assert setting == table[setting.name]
        assert (slider.minimum, slider.maximum) == (setting.minimum, setting.maximum)
        assert slider.value == getattr(given, setting.name)
        assert setting.help[1:] in slider.info


# --- where faces are blurred, the whole of every frame is searched -------------------------------


@pytest.mark.parametrize('live', [True, False])
@pytest.mark.parametrize('wanted', [0, 1, 7])
def test_between_two_searches_no_blurred_face_can_appear(wanted, live):
    assert search_interval(wanted, live=live, blurred=True) == 1
    automatic = BY_TIME if live else 1
    assert search_interval(wanted, live=live, blurred=False) == (wanted or automatic)


@pytest.mark.parametrize('command', ['image', 'video', 'live', 'annotate_bag', 'batch'])
def test_every_command_that_blurs_searches_every_frame(command):
    parser = parser_of(command)
    every = [] if command == 'image' else ['--detect-every-n', '7']
    for live in (True, False):
        arguments = parser.parse_args([*COMMANDS[command], *every, '--blur-faces'])
        assert settings_from(arguments, live=live).detect_every_n == 1


# --- what settings are called --------------------------------------------------------------------


def test_a_sentence_calls_settings_as_the_user_has_written_them():
    sentence = 'Model /a/model_path/`x`.onnx does not exist: set `model_path` to a file.'
    assert spelled(sentence, COMMAND_LINE) == (
        'Model /a/model_path/`x`.onnx does not exist: set --model to a file.'
    )
    assert spelled(sentence, {'model_path': 'model:='}).endswith('set model:= to a file.')
    assert spelled(sentence, {}) == sentence
