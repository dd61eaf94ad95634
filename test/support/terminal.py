"""A terminal of its own for a program, which can be closed like a window."""

import fcntl
import os
import struct
import subprocess
import termios


class Terminal:
    """What a program that runs in a terminal shows, and the end of that terminal.

    Args:
        arguments: Command and arguments.
        environment: Of the program.
    """

    def __init__(self, arguments, environment):
        self._screen, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack('4H', 24, 100, 0, 0))
        self.shown = b''
        self.process = subprocess.Popen(
            ['setsid', '--ctty', *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=environment,
        )
        os.close(inside)

    def read_until(self, holds):
        """Reads until something holds for what was shown so far."""
        while not holds(self.shown):
            try:
                self.shown += os.read(self._screen, 4096)
            except OSError:  # the program has ended
                raise AssertionError(self.shown.decode(errors='replace')) from None

    def close(self):
        """Closes the window: the program gets SIGHUP, and has no terminal any more."""
        os.close(self._screen)

    def wait(self, seconds):
        """Exit code of the program."""
        return self.process.wait(seconds)
