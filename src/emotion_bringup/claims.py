"""Names that one process of this machine has at a time."""

import socket
from typing import Final

# Open sockets: a claim ends with the process that made it, however it ends.
_claims: Final[list[socket.socket]] = []


def claim(name: str) -> bool:
    """Takes a name for as long as this process lives; nothing is left behind.

    Args:
        name: Of the whole package, such as `domain/5`.

    Returns:
        Whether it was free; also false where the system has no such names (Linux has).
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        # Linux has names of sockets that are no files, and end with the process.
        held.bind(f'\0emotion_bringup/{name}')
    except OSError:
        held.close()
        return False
    _claims.append(held)
    return True
