"""The results for the viewer Foxglove, live over a WebSocket or in an MCAP file; no ROS.

The package foxglove-sdk is optional. Modules here import it inside functions, so that all of them
can be imported without it; `check_sdk` says in one sentence what is missing.
"""

from emotion_perception.errors import EmotionPerceptionError

MISSING_SDK = (
    'The Python package foxglove-sdk is not installed: run `make foxglove-env`, '
    'or `pip install foxglove-sdk`.'
)


class FoxgloveError(EmotionPerceptionError):
    """foxglove-sdk is missing, or its server cannot be started."""


def check_sdk() -> None:
    """Checks that foxglove-sdk can be loaded.

    Raises:
        FoxgloveError: It is not installed.
    """
    try:
        import foxglove  # noqa: F401
    except ImportError as error:
        raise FoxgloveError(MISSING_SDK) from error
