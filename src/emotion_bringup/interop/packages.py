"""Message packages that may be missing."""

import importlib

from rclpy.type_support import check_for_type_support

from emotion_bringup.installation import missing_module_cure
from emotion_perception.errors import EmotionPerceptionError


class MessagePackageError(EmotionPerceptionError):
    """A message package is missing, too old or built for another ROS 2 or Python."""


def require_messages(package: str, *names: str) -> None:
    """Makes sure that messages can be imported and published in this process.

    Args:
        package: Name of the message package.
        names: Messages of it that are needed.

    Raises:
        MessagePackageError: They cannot; says how to get them.
    """
    try:
        module = importlib.import_module(f'{package}.msg')
        for name in names:
            check_for_type_support(getattr(module, name))
    except ModuleNotFoundError as error:
        raise MessagePackageError(missing_module_cure(error)) from error
    except Exception as error:  # rosidl and rclpy raise several unrelated types
        raise MessagePackageError(
            f'The {package} that is found first is too old or was built for another ROS 2 or '
            f'Python ({type(error).__name__}: {error}): build it again or remove it from the paths.'
        ) from error
