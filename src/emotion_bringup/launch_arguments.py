"""The arguments of the launch files, and how their values are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from emotion_bringup.graph import CAMERA_IMAGE
from emotion_bringup.parameter_tables import LAUNCH_ARGUMENTS
from emotion_perception.settings.setting import Setting
from launch import LaunchContext

TRUE_OR_FALSE = ('true', 'false', 'True', 'False', '1', '0')
"""What is taken for a switch; launch files written in Python say True and False."""

_SETTINGS = {s.short_name: s for settings in LAUNCH_ARGUMENTS.values() for s in settings}


def launch_arguments(file: str) -> list[DeclareLaunchArgument]:
    """The arguments of a launch file, one of `LAUNCH_ARGUMENTS`."""
    return [_declared(setting) for setting in LAUNCH_ARGUMENTS[file]]


def _declared(setting: Setting) -> DeclareLaunchArgument:
    has_to_be_given = setting.default == '' and not setting.empty
    limits = '' if setting.minimum is None else f' ({setting.range_text})'
    return DeclareLaunchArgument(
        setting.short_name,
        default_value=None if has_to_be_given else str(setting.default),
        description=setting.full_help + limits,
        choices=_choices(setting),
    )


def _choices(setting: Setting) -> tuple[str, ...] | None:
    if isinstance(setting.default, bool):
        return TRUE_OR_FALSE
    if not setting.choices:
        return None
    written = TRUE_OR_FALSE if 'true' in setting.choices else ()
    return tuple(dict.fromkeys((str(setting.default), *setting.choices, *written)))


@dataclass(frozen=True, slots=True)
class Images:
    """Where a node's images come from.

    Attributes:
        topic: Their topic.
        transport: `raw` or `compressed`; empty leaves it to the parameter file and the topic.
        depth: Topic of the depth images that are aligned to them; empty is none.
    """

    topic: str
    transport: str = ''
    depth: str = ''


OWN_CAMERA = Images(CAMERA_IMAGE)
"""The images of `camera_node`; the transport is left to the parameter file."""


def images_of(context: LaunchContext) -> Images:
    """What the arguments `image`, `image_transport` and `depth` say."""
    return Images(*(text(context, name) for name in ('image', 'image_transport', 'depth')))


def text(context: LaunchContext, name: str) -> str:
    """Value of a launch argument."""
    return str(LaunchConfiguration(name).perform(context))


def items(context: LaunchContext, name: str) -> list[str]:
    """What a launch argument lists, separated by commas, in the brackets of YAML or without."""
    words = text(context, name).strip().removeprefix('[').removesuffix(']').split(',')
    return [word.strip(' \'"') for word in words if word.strip()]


def value(context: LaunchContext, name: str) -> Any:
    """Value of a launch argument, in the type of its setting.

    Raises:
        ValueError: It is not allowed.
    """
    try:
        return _SETTINGS[name].parse(text(context, name))
    except ValueError as error:
        raise ValueError(f'Launch argument {name} {error}.') from error


def switch(context: LaunchContext, name: str) -> bool | str:
    """Value of a switch that is left to the parameter file while it is empty."""
    written = text(context, name)
    return written and written.lower() in {'true', '1'}


def given_names(context: LaunchContext) -> dict[str, str]:
    """How the user has written the settings that are given as launch arguments, by their names."""
    given = {name for name in _SETTINGS if context.launch_configurations.get(name)}
    return {_SETTINGS[name].name: f'{name}:=' for name in given}


def bag_path(context: LaunchContext) -> str:
    """The bag to play.

    Raises:
        FileNotFoundError: It does not exist.
    """
    bag = Path(text(context, 'bag')).expanduser()
    if not bag.exists():
        raise FileNotFoundError(f'Bag {bag} does not exist: check the launch argument bag.')
    return str(bag)
