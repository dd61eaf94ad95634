"""Reads recipes: YAML files, checked against the classes of `config`."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from training.config import Recipe
from training.errors import TrainingError

T = TypeVar('T')


def read_recipe(path: Path, overrides: typing.Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path: A YAML file.
        overrides: Texts such as `optim.lr=0.01` that win over the file.

    Raises:
        TrainingError: The file is missing, no YAML, or says something a recipe cannot.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise TrainingError(f'recipe {path} cannot be read: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(
            f'recipe {path} is not valid YAML: {" ".join(str(error).split())}'
        ) from error
    if not isinstance(content, dict):
        raise TrainingError(f'recipe {path} must hold keys such as name, model and train')
    for override in overrides:
        _apply_override(content, override)
    return parse(Recipe, content, f'recipe {path}')


def _apply_override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition('=')
    if not equals or not key:
        raise TrainingError(f'--set takes key=value such as optim.lr=0.01, not "{override}"')
    *parents, leaf = key.split('.')
    node = content
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise TrainingError(f'--set {override}: "{parent}" has no keys below it')
        node = child
    try:
        node[leaf] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f'--set {override}: the value is not valid YAML') from error


def parse(kind: type[T], content: Any, where: str) -> T:
    """Turns plain YAML or JSON values into a dataclass, refusing unknown keys and wrong types."""
    if not isinstance(content, dict):
        raise TrainingError(f'{where} must be a mapping, not {content!r}')
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [key for key in content if key not in fields]
    if unknown:
        raise TrainingError(
            f'{where} has an unknown key "{unknown[0]}" (known: {", ".join(fields)})'
        )
    hints = typing.get_type_hints(kind)
    values = {key: _value(hints[key], value, f'{where}: {key}') for key, value in content.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise TrainingError(f'{where}: {str(error).split("() ")[-1]}') from error


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast('type[Any]', hint), value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise TrainingError(f'{where} must be one of {", ".join(arguments)}, not {value!r}')
    if origin is tuple:
        return _items(arguments, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise TrainingError(f'{where} must be of type {hint.__name__}, not {value!r}')
    return value


def _items(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise TrainingError(f'{where} must be a list, not {value!r}')
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise TrainingError(f'{where} must have {len(arguments)} entries, not {len(value)}')
    return tuple(
        _value(hint, item, f'{where}[{index}]')
        for index, (hint, item) in enumerate(zip(arguments, value, strict=True))
    )
