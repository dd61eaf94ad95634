"""Declares a node's parameters from its table and checks what users set."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from emotion_bringup.override_check import qos_problem, unread_parameters
from emotion_bringup.parameter_tables import NODE_PARAMETERS, STRICT_PARAMETERS
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.settings.setting import Setting, by_name


class ParameterError(EmotionPerceptionError):
    """A parameter has a wrong type or a value out of its range."""


def declare_parameters(node: Node, table: Iterable[Setting]) -> None:
    """Declares every parameter of a table with its descriptor.

    Raises:
        ParameterError: A YAML file or a command line gave a value of wrong type or out of range.
    """
    rows = by_name(table)
    if isinstance(node, CheckedParameters):
        node.check_changes(rows.values())
    node.add_on_set_parameters_callback(lambda changes: _check_values(rows, changes))
    for parameter in rows.values():
        try:
            _declare(node, parameter)
        except (
            InvalidParameterException,
            InvalidParameterTypeException,
            InvalidParameterValueException,
        ) as error:
            expected = parameter.range_text or parameter.type_text
            raise ParameterError(
                f'Parameter {parameter.name} must be {expected}: {parameter.full_help} ({error}).'
            ) from error
    name = next((name for name, each in NODE_PARAMETERS.items() if each is table), '')
    if name:
        _check_given(node, name)


def _check_given(node: Node, name: str) -> None:
    """Tells of parameters that are given and that nobody reads.

    Raises:
        ParameterError: One of them cannot be used for a topic, or is read by nobody and that is not
            to be.
    """
    given = node._parameter_overrides  # rclpy has no public name for it
    problems = (qos_problem(key, each.value) for key, each in given.items())
    unusable = next(filter(None, problems), '')
    if unusable:
        raise ParameterError(unusable)
    files = [Path(file) for option, file in pairwise(sys.argv) if option == '--params-file']
    sentences = unread_parameters(name, given, files, node.get_name())
    if sentences and value_of(node, STRICT_PARAMETERS.name):
        raise ParameterError(' '.join(sentences))
    for sentence in sentences:
        node.get_logger().warning(sentence)


def _declare(node: Node, parameter: Setting) -> None:
    try:
        node.declare_parameter(parameter.name, parameter.default, descriptor(parameter))
    except InvalidParameterTypeException:
        value = _given(node, parameter.name)
        fitting = parameter.fitting(value)
        if fitting is value:
            raise
        node.declare_parameter(parameter.name, fitting, descriptor(parameter), ignore_override=True)


def _given(node: Node, name: str) -> Any:
    """What a file or the command line gives, of whatever type."""
    value = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True)).value
    node.undeclare_parameter(name)
    return value


def descriptor(parameter: Setting) -> ParameterDescriptor:
    """The ROS descriptor of a table row: text, range, and whether it may change."""
    result = ParameterDescriptor(
        name=parameter.name,
        description=parameter.full_help,
        additional_constraints=parameter.range_text,
        read_only=not parameter.may_change,
    )
    if parameter.minimum is not None and parameter.maximum is not None:
        if isinstance(parameter.default, int):
            result.integer_range = [
                IntegerRange(from_value=int(parameter.minimum), to_value=int(parameter.maximum))
            ]
        else:
            result.floating_point_range = [
                FloatingPointRange(from_value=parameter.minimum, to_value=parameter.maximum)
            ]
    return result


def value_of(node: Node, name: str) -> Any:
    """Current value of a declared parameter."""
    return node.get_parameter(name).value


def refusal(row: Setting, change: RosParameter) -> str:
    """Why a value cannot be given to a parameter: its name, what is allowed, and the value.

    Returns:
        The reason in one sentence; empty when the value is allowed.
    """
    if change.type_ == RosParameter.Type.NOT_SET:
        return f'{row.name} cannot be deleted: set {row.type_text}'
    reason = row.problem(change.value)
    return f'{row.name} {reason}' if reason else ''


def fitting(row: Setting | None, change: RosParameter) -> RosParameter:
    """A change in the type of its parameter, where only the way it is written differs."""
    value = row.fitting(change.value) if row is not None else change.value
    return change if value is change.value else RosParameter(change.name, value=value)


class CheckedParameters:
    """A node whose parameter services say what is wrong with a change and what is allowed.

    rclpy looks at types, ranges and read-only flags before any callback of the node, and its
    responses name neither the parameter nor the values allowed in half of the cases. Both services,
    `set_parameters` and `set_parameters_atomically`, come through the method overridden here. To be
    named before the node's other base class.
    """

    _rows: Mapping[str, Setting] = {}

    @property
    def is_configured(self) -> bool:
        """Whether what is read at configuring is in use; a node without a lifecycle always is."""
        return True

    def check_changes(self, table: Iterable[Setting]) -> None:
        """Sets the table that changes from outside are checked against."""
        self._rows = by_name(table)

    def set_parameters_atomically(
        self, parameter_list: Sequence[RosParameter]
    ) -> SetParametersResult:
        """Sets all parameters, or none when one of them is refused."""
        changes = [fitting(self._rows.get(change.name), change) for change in parameter_list]
        for change in changes:
            reason = self._reason_against(change)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return super().set_parameters_atomically(changes)  # type: ignore[misc]

    def _reason_against(self, change: RosParameter) -> str:
        row = self._rows.get(change.name)
        if row is None:
            known = self.has_parameter(change.name)  # type: ignore[attr-defined]
            return '' if known else f'{change.name} is not a parameter of this node'
        if row.at_configure and self.is_configured:
            name = self.get_fully_qualified_name()  # type: ignore[attr-defined]
            return (
                f'{row.name} is read when the node configures: call `ros2 lifecycle set {name} '
                'deactivate` and `cleanup`, set it, then `configure` and `activate`'
            )
        if not row.may_change:
            return (
                f'{row.name} is read when the node starts: set it in the launch file or with '
                '--params-file and start the node again'
            )
        return refusal(row, change)


def _check_values(
    table: Mapping[str, Setting], changes: Sequence[RosParameter]
) -> SetParametersResult:
    for change in changes:
        row = table.get(change.name)
        reason = refusal(row, fitting(row, change)) if row is not None else ''
        if reason:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)
