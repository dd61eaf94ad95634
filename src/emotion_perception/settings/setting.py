"""What a setting is, and what command lines make of it."""

import argparse
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Value = bool | int | float | str | list[str]

_TYPE_TEXTS: Final[Mapping[type, str]] = {
    bool: 'true or false',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    list: 'a list of texts',
}
_SWITCHES: Final = {'true': True, '1': True, 'false': False, '0': False}


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that a user may set.

    Attributes:
        name: What it is called as a ROS parameter.
        default: Its default, which also fixes its type.
        help: What it does.
        minimum: Lowest value allowed, for numbers.
        maximum: Highest value allowed, for numbers.
        choices: The only values allowed, for texts.
        unit: Of a number; empty for counts and shares.
        option: What command lines and launch files call it, where that is not its name.
        empty: What the empty text stands for, where that is the default.
        is_file: Whether a text is the path of a file or folder.
        takes_index: Whether a whole number is taken for its text, as in `video_device: 0`.
        live: Whether it may change while the node runs.
        at_configure: Whether it is read when the lifecycle node configures, and may change while
            that is not configured. What is neither is read when the node starts.
    """

    name: str
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ''
    option: str = ''
    empty: str = ''
    is_file: bool = False
    takes_index: bool = False
    live: bool = False
    at_configure: bool = False

    @property
    def short_name(self) -> str:
        """What command lines and launch files call it."""
        return self.option or self.name

    @property
    def flag(self) -> str:
        """What one writes on a command line; a switch that is on can only be switched off."""
        start = '--no-' if self.default is True else '--'
        return start + self.short_name.replace('_', '-')

    @property
    def range_text(self) -> str:
        """The range or the choices in words; empty when everything is allowed."""
        if self.choices:
            return ' or '.join(self.choices)
        if self.minimum is None:
            return ''
        return f'{self.minimum:g} to {self.maximum:g} {self.unit}'.rstrip()

    @property
    def type_text(self) -> str:
        """Its type in words, and the range of a number."""
        limits = f' ({self.range_text})' if self.range_text and not self.choices else ''
        return f'{_TYPE_TEXTS[type(self.default)]}{limits}'

    @property
    def full_help(self) -> str:
        """What it does, and what the empty text stands for."""
        return f'{self.help}; empty is {self.empty}' if self.empty else self.help

    @property
    def may_change(self) -> str:
        """When it may change after the start of a node, in words; empty when it may not."""
        if self.live:
            return 'yes'
        return 'unconfigured' if self.at_configure else ''

    def fitting(self, value: object) -> object:
        """A value in this setting's type, where only the way it is written differs.

        YAML and `-p` read `30` and `0` as whole numbers and `cpu` as a text, where a number,
        a camera index and a list of one are meant. Anything else is returned as it is.
        """
        if type(value) is int and isinstance(self.default, float):
            return float(value)
        if type(value) is int and self.takes_index:
            return str(value)
        if isinstance(value, str) and isinstance(self.default, list):
            return [value]
        return value

    def problem(self, value: object) -> str:
        """What is wrong with a value, as the end of a sentence; empty when it is allowed."""
        given = reprlib.repr(value)  # a long one is cut
        is_right = type(value) is type(self.default)
        if isinstance(value, list):
            is_right &= bool(value) and all(isinstance(item, str) for item in value)
        if not is_right:
            return f'must be {self.type_text}, not {given}'
        if self.choices and value not in (self.default, *self.choices):
            return f'must be {self.range_text}, not {given}'
        # Written so that NaN, which compares with nothing, is out of every range.
        if self.minimum is not None and not self.minimum <= value <= self.maximum:  # type: ignore[operator]
            return f'must be {self.range_text}, not {given}'
        return ''

    def parse(self, text: str) -> Value:
        """Reads a value from a command line or a launch argument.

        Raises:
            ValueError: What the value must be, as the end of a sentence.
        """
        value: Any = text
        if isinstance(self.default, bool):
            value = _SWITCHES.get(text.lower(), text)
        elif isinstance(self.default, list):
            value = [name.strip() for name in text.split(',') if name.strip()]
        elif isinstance(self.default, int | float):
            with suppress(ValueError):  # a text in place of a number has the wrong type: see below
                value = type(self.default)(text)
        reason = self.problem(value)
        if reason:
            raise ValueError(reason)
        return value  # type: ignore[no-any-return]


def by_name(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Settings by the names of their ROS parameters."""
    return {setting.name: setting for setting in settings}


def spelled(sentence: str, names: Mapping[str, str]) -> str:
    """A sentence that calls settings as the user has written them.

    Args:
        sentence: Has settings in backticks, by the names of their ROS parameters.
        names: What else some of them are called, such as `--model` for `model_path`.
    """
    return re.sub(r'`(\w+)`', lambda match: names.get(match[1], match[0]), sentence)


def add_settings(parser: argparse._ActionsContainer, settings: Iterable[Setting]) -> None:
    """Adds an option for each setting; files become a `Path`, or None where there is none."""
    for setting in settings:
        if isinstance(setting.default, bool):
            action = 'store_false' if setting.default else 'store_true'
            parser.add_argument(
                setting.flag, dest=setting.short_name, action=action, help=_escaped(setting.help)
            )
            continue
        parser.add_argument(
            setting.flag,
            type=argument_type(setting),
            default=None if setting.is_file and not setting.default else setting.default,
            choices=setting.choices or None,
            metavar=_metavar(setting),
            help=_escaped(f'{setting.help}{_details(setting)}'),
        )


def argument_type(setting: Setting) -> Callable[[str], Value | Path]:
    """The function by which argparse reads a setting."""

    def parse(text: str) -> Value | Path:
        try:
            return Path(text) if setting.is_file else setting.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def _metavar(setting: Setting) -> str | None:
    if setting.is_file or isinstance(setting.default, list):
        return 'FILE' if setting.is_file else 'LIST'
    return None if setting.minimum is None else setting.unit.upper() or 'N'


def _details(setting: Setting) -> str:
    default = ','.join(setting.default) if isinstance(setting.default, list) else setting.default
    default_text = str(default) if default != '' else setting.empty
    details = ['' if setting.choices else setting.range_text]
    details.append(f'default: {default_text}' if default_text else '')
    text = ', '.join(filter(None, details))
    return f' ({text})' if text else ''


def _escaped(text: str) -> str:
    return text.replace('%', '%%')
