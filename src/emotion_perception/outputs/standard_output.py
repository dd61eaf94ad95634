"""The standard output, kept for records alone."""

import os
import sys
from pathlib import Path
from typing import Final

STANDARD_OUTPUT: Final = Path('-')
"""What a user writes in place of a file, as for other programs."""


def taken_standard_output() -> int:
    """Takes the standard output, so that nothing but records reaches the program behind the pipe.

    Not only Python writes there: Fast DDS prints its errors to the standard output, and so may any
    other library. From now on what this process and its children print there goes to stderr.

    Returns:
        File descriptor of what the standard output was; the caller's, to close.

    Raises:
        OSError: There is no standard output, or no standard error.
    """
    sys.stdout.flush()
    descriptor = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return descriptor
