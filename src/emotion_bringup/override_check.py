"""Finds what a user has written for parameters and no node reads. No ROS in here."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from emotion_bringup.parameter_tables import NODE_PARAMETERS
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.files.yaml_file import read_yaml

_QOS: Final = 'qos_overrides.'
# What ROS itself reads, or declares later, when topics are subscribed to.
_OF_ROS: Final = ('use_sim_time', _QOS, 'start_type_description_service')
_QOS_NAMES: Final = {
    'history': ('keep_last', 'keep_all', 'system_default'),
    'reliability': ('reliable', 'best_effort', 'best_available', 'system_default'),
}
_DEPTH: Final = 'depth'
_WILDCARDS: Final = frozenset(('/**', '**', '/*', '*'))
_SIMILAR: Final = 0.75
_SIMILAR_FOR_READERS: Final = 0.6
_MAX_BYTES: Final = 1 << 20


def unread_parameters(
    node: str, given: Collection[str], files: Iterable[Path] = (), own_name: str = ''
) -> list[str]:
    """What is wrong with the parameters that one node is given, in a sentence each.

    Args:
        node: Name of its executable, as in `NODE_PARAMETERS`.
        given: Names of all parameters that files and command line hold for it.
        files: Parameter files. Where a block is for all nodes, each of them takes what it knows.
        own_name: Name of the running node, which may be another than its executable's.
    """
    known = {setting.name for setting in NODE_PARAMETERS[node]}
    blocks = [block for file in files for block in _blocks(file).items()]
    for_all = {name for key, names in blocks if key in _WILDCARDS for name in names}
    sentences = [
        _unknown_name(node, name, known)
        for name in sorted(set(given) - known)
        if not name.startswith(_OF_ROS) and not (name in for_all and _readers(name))
    ]
    sentences += filter(None, (_unread_qos(name) for name in given if name.startswith(_QOS)))
    own_name = own_name or node
    misspelt = (key for key, names in blocks if _meant(key, names, own_name) == node)
    return sentences + [
        f'Block {key} is not read by {own_name}: did you mean {own_name}?' for key in misspelt
    ]


def qos_problem(name: str, value: object) -> str:
    """Why a value cannot change a topic's quality of service; empty when it can.

    rclpy looks at it when the topic is opened, which may be hours after the start.

    Args:
        name: `qos_overrides.TOPIC.publisher.POLICY`, or `subscription`; others are no matter.
        value: What is given for it.
    """
    policy = name.rpartition('.')[2] if name.startswith(_QOS) else ''
    if policy == _DEPTH:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        allowed = 'a whole number from 0 on'
    else:
        names = _QOS_NAMES.get(policy, ())
        fits = not names or (isinstance(value, str) and value.lower() in names)
        allowed = ', '.join(names)
    return '' if fits else f'Parameter {name} must be {allowed}, not {value!r}.'


def _unread_qos(name: str) -> str:
    """Why no topic reads a parameter of its quality of service; empty when one may."""
    entity, _, policy = name.removeprefix(_QOS).rpartition('.')
    topic, _, end = entity.rpartition('.')
    if not topic.startswith('/') or end not in ('publisher', 'subscription'):
        return (
            f'Parameter {name} is not read: write {_QOS}/TOPIC.publisher.POLICY or '
            f'{_QOS}/TOPIC.subscription.POLICY, with the full name of the topic.'
        )
    if policy not in (*_QOS_NAMES, _DEPTH):
        return (
            f'Parameter {name} is not read: only {", ".join((*_QOS_NAMES, _DEPTH))} can be changed.'
        )
    return ''


def _unknown_name(node: str, name: str, known: Iterable[str]) -> str:
    start = f'Parameter {name} is none of {node}'
    readers = _readers(name)
    if readers:
        return f'{start}: write it into the block of {" or ".join(readers)}.'
    similar = difflib.get_close_matches(name, known, 1, _SIMILAR)
    return f'{start}: did you mean {similar[0]}?' if similar else f'{start}: it is not read.'


def _readers(name: str) -> list[str]:
    """The nodes that have a parameter of that name."""
    return [
        node for node, table in NODE_PARAMETERS.items() if name in {each.name for each in table}
    ]


def _meant(key: str, parameters: Iterable[str], own_name: str) -> str:
    """The executable that a block with a misspelt name is for; empty for all others.

    A file may hold blocks of nodes that are not ours. The names of the block's parameters tell more
    of whom it is for than its own name, which then may differ more (`emotion` for `emotion_node`).
    """
    name = key.rsplit('/', 1)[-1]
    if name in (*NODE_PARAMETERS, own_name) or key in _WILDCARDS:
        return ''
    readers = {reader for parameter in parameters for reader in _readers(parameter)}
    similar = difflib.get_close_matches(name, NODE_PARAMETERS, 1, _SIMILAR)
    similar = similar or difflib.get_close_matches(name, readers, 1, _SIMILAR_FOR_READERS)
    return similar[0] if similar else ''


def _blocks(file: Path) -> dict[str, list[str]]:
    """Names of the parameters by block; nothing of a file that ROS itself refuses."""
    try:
        document = read_yaml(file, _MAX_BYTES)
    except (OSError, ValueError, EmotionPerceptionError):
        return {}
    if not isinstance(document, Mapping):
        return {}
    return {str(key): list(map(str, _parameters(block))) for key, block in _flat(document)}


def _flat(document: Mapping[Any, Any], above: str = '') -> Iterable[tuple[str, Any]]:
    """Blocks may lie in namespaces: `robot1: {emotion_node: {ros__parameters: ...}}`."""
    for key, value in document.items():
        if isinstance(value, Mapping):
            if 'ros__parameters' in value:
                yield f'{above}{key}', value
            else:
                yield from _flat(value, f'{above}{key}/')


def _parameters(block: Mapping[str, Any]) -> Iterable[Any]:
    parameters = block['ros__parameters']
    return parameters if isinstance(parameters, Mapping) else ()
