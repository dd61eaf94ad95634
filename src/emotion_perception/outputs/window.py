"""A window that shows images, where there is a screen."""

import os
import subprocess
import sys

import cv2

from emotion_perception.errors import OutputError
from emotion_perception.files.closeable import Closeable
from emotion_perception.types import BgrImage

_QUIT_KEYS = (ord('q'), ord('Q'), 27)  # 27: Esc
_FLAGS = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
_LARGEST_SIDE = 1280  # pixels of the window as it opens
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"
_PROBE_TIMEOUT = 30.0  # seconds


class Window(Closeable):
    """Shows images in a window until the user presses q or Esc or closes it.

    Args:
        title: Text of the title bar.

    Raises:
        OutputError: There is no screen, or this OpenCV was built without windows.
    """

    def __init__(self, title: str = 'Emotion Detector') -> None:
        _check_opencv()
        _check_screen()
        _check_opens()
        self._title = title
        self._is_open = False
        self._was_closed = False

    def show(self, image: BgrImage) -> bool:
        """Shows an image.

        Args:
            image: uint8 [height, width, 3], BGR.

        Returns:
            False once the user has pressed q or Esc or closed the window, True before.

        Raises:
            OutputError: The screen has gone.
        """
        if self._was_closed:
            return False
        try:
            if not self._is_open:
                self._open(image)
            cv2.imshow(self._title, image)
            key = cv2.waitKey(1) & 0xFF
        except cv2.error as error:
            raise OutputError(
                f'The window cannot be shown ({error.err or error}): run without it.'
            ) from error
        self._was_closed = key in _QUIT_KEYS or not self._is_visible()
        return not self._was_closed

    def close(self) -> None:
        """Closes the window; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            self._was_closed = True
            try:
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)  # lets the window system carry it out
            except cv2.error:
                pass  # the user has closed it already

    def _is_visible(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # what Qt says once the last window has been closed
            return False

    def _open(self, image: BgrImage) -> None:
        height, width = image.shape[:2]
        scale = min(1.0, _LARGEST_SIDE / max(width, height))
        cv2.namedWindow(self._title, _FLAGS)
        self._is_open = True
        cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))


def _check_opencv() -> None:
    lines = (line.strip() for line in cv2.getBuildInformation().splitlines())
    gui = next((line for line in lines if line.startswith('GUI:')), 'GUI: unknown')
    if gui.split(':', 1)[1].strip().upper() == 'NONE':
        raise OutputError(
            'This OpenCV is the headless build and opens no windows: install the one that does '
            'with `pip uninstall opencv-python-headless` and `pip install opencv-python`; it needs '
            'the system package libgl1.'
        )


def _check_screen() -> None:
    # Qt ends the whole process when it finds no display, so ask before it does.
    on_linux = sys.platform.startswith('linux')
    if on_linux and not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        raise OutputError(
            'There is no screen (DISPLAY and WAYLAND_DISPLAY are not set): run without a window, '
            'or log in to a desktop or with `ssh -X`.'
        )


def _check_opens() -> None:
    """Opens a window in a child process, where a wrong display or a missing library may abort."""
    if not sys.executable:
        return
    command = [sys.executable, '-c', _PROBE]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=_PROBE_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_opened('no response from the display') from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise _not_opened(lines[0].strip().rstrip('.') if lines else f'exit code {done.returncode}')


def _not_opened(reason: str) -> OutputError:
    return OutputError(
        f'No window can be opened ({reason}): run without one, or check DISPLAY and that the '
        'system packages libgl1 and libxcb-cursor0 are installed.'
    )
