"""Reading of YAML files that somebody else wrote: plain data only, of bounded size."""

import errno
from pathlib import Path
from typing import Any

import yaml

from emotion_perception.files.bounded import read_bounded
from emotion_perception.limits import MAX_YAML_BYTES, MAX_YAML_DEPTH, MAX_YAML_NODES, quoted

# The parser in C where PyYAML was built with it: twenty times quicker.
_Loader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class YamlFileError(ValueError):
    """A file is no YAML that will be read; the text is half a sentence that says why."""


def read_yaml(path: Path, max_bytes: int = MAX_YAML_BYTES) -> Any:
    """Reads a YAML file of numbers, strings, lists and mappings.

    Args:
        path: The file.
        max_bytes: Refused above this size.

    Raises:
        OSError: It cannot be read.
        YamlFileError: It is too large, is no YAML, or its aliases stand for too much.
    """
    try:
        raw = read_bounded(path, max_bytes)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        reason = f'is too large to be one, more than {max_bytes >> 10} KiB'
        raise YamlFileError(reason) from error
    try:
        _check_aliases(raw)
        return yaml.load(raw, _Loader)
    except YamlFileError:
        raise
    # PyYAML promises YAMLError, but its constructors let ValueError (a date that does not exist),
    # KeyError, AttributeError, IndexError and RecursionError through.
    except Exception as error:
        raise YamlFileError(f'is not valid YAML: {quoted(error)}') from error


def _check_aliases(raw: bytes) -> None:
    """Refuses what would be huge once every alias is replaced by what it stands for.

    In memory an alias is only a reference, but whoever prints or walks through the document meets
    every copy ("billion laughs").
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the total when it began
    total = 0
    for event in yaml.parse(raw, _Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlFileError(f'has an alias *{quoted(event.anchor)} of what is not complete')
            total += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, total))
                if len(open_nodes) > MAX_YAML_DEPTH:
                    raise YamlFileError(f'has more than {MAX_YAML_DEPTH} levels')
            elif event.anchor:
                sizes[event.anchor] = 1
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > MAX_YAML_NODES:
            raise YamlFileError(f'has more than {MAX_YAML_NODES} values, its aliases written out')
