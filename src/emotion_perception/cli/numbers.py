"""Argument types for numbers within limits."""

import argparse
import math
from collections.abc import Callable


def number(minimum: float, maximum: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a number within limits."""

    def parse(text: str) -> float:
        value = float(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f'{text} is not {_range_text(minimum, maximum)}')
        return value

    parse.__name__ = 'number'  # argparse shows it when float() fails
    return parse


def whole_number(minimum: int, maximum: float = math.inf) -> Callable[[str], int]:
    """An argparse type: a whole number within limits."""

    def parse(text: str) -> int:
        value = int(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f'{text} is not {_range_text(minimum, maximum)}')
        return value

    parse.__name__ = 'whole number'
    return parse


def _range_text(minimum: float, maximum: float) -> str:
    return f'at least {minimum:g}' if math.isinf(maximum) else f'{minimum:g} to {maximum:g}'
