"""Declares a node's parameters from its table and checks what users set."""

from collections.abc import Iterable, Sequence
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

from emotion_bringup.parameter_tables import Parameter
from emotion_perception.errors import EmotionPerceptionError


class ParameterError(EmotionPerceptionError):
    """A parameter has a wrong type or a value out of its range."""


def declare_parameters(node: Node, table: Iterable[Parameter]) -> None:
    """Declares every parameter of a table with its descriptor.

    Raises:
        ParameterError: A YAML file or a command line gave a value of wrong type or out of range.
    """
    table = tuple(table)
    node.add_on_set_parameters_callback(lambda changes: _check_choices(table, changes))
    for parameter in table:
        try:
            node.declare_parameter(parameter.name, parameter.default, descriptor(parameter))
        except (
            InvalidParameterException,
            InvalidParameterTypeException,
            InvalidParameterValueException,
        ) as error:
            expected = parameter.range_text or f'a {type(parameter.default).__name__}'
            if isinstance(parameter.default, float):
                expected += ' with a decimal point, such as 30.0'
            raise ParameterError(
                f'Parameter {parameter.name} must be {expected}: {parameter.description} ({error}).'
            ) from error


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """The ROS descriptor of a table row: text, range, and read-only unless it is live."""
    result = ParameterDescriptor(
        name=parameter.name,
        description=parameter.description,
        additional_constraints=parameter.range_text,
        read_only=not parameter.live,
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


def _check_choices(
    table: Sequence[Parameter], changes: Sequence[RosParameter]
) -> SetParametersResult:
    choices = {parameter.name: parameter.choices for parameter in table if parameter.choices}
    for change in changes:
        allowed = choices.get(change.name)
        if allowed and change.value not in allowed:
            reason = f'{change.name} must be {" or ".join(allowed)}, not {change.value!r}'
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)
