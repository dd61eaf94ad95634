"""Fits the shipped DDS profile to one process."""

import atexit
import re
import tempfile
from pathlib import Path
from typing import Final

# Fast DDS writes to the whole segment of a process when it starts, so that all of it takes memory,
# and uses it for what that process publishes: 64 MiB are for images, results need far less.
_SMALL_SEGMENT: Final = 4 << 20
_SIZES: Final = re.compile(r'(<(segment_size|maxMessageSize)>)\d+')


def fitted_profile(profile: Path, number: int | None, *, images: bool) -> Path:
    """A DDS profile for a process; a copy where that differs from the one given.

    Args:
        profile: The XML file; has one participant with an `rtps` element.
        number: Where to start the search for a free participant number; Fast DDS takes the next
            one if it is in use by then. None leaves it to Fast DDS.
        images: Whether the process publishes images; it can read them in any case.

    Returns:
        The file; a copy is temporary and removed when this process ends.
    """
    if images and number is None:
        return profile
    text = profile.read_text(encoding='utf-8')
    if number is not None:
        element = f'<rtps>\n        <participantID>{number}</participantID>'
        text = text.replace('<rtps>', element, 1)
    if not images:
        text = _SIZES.sub(rf'\g<1>{_SMALL_SEGMENT}', text)
    with tempfile.NamedTemporaryFile(
        'w', encoding='utf-8', prefix='emotion_dds_', suffix='.xml', delete=False
    ) as copy:
        copy.write(text)
    atexit.register(Path(copy.name).unlink, missing_ok=True)
    return Path(copy.name)
