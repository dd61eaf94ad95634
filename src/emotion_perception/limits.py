"""How large an input may be before it is refused as damaged or hostile: every limit is here.

Each is far above what cameras, models and bags really have, and low enough that a file of some
kilobytes cannot fill the memory of a robot or keep it busy for minutes.
"""

from typing import Final

MAX_SIDE: Final = 16384
"""Largest width and height of an image or video in pixels."""

MAX_PIXELS: Final = 1 << 27
"""Largest width x height: 134 million pixels, 400 MB once decoded."""

MAX_ANIMATION_PIXELS: Final = 1 << 33
"""Largest frames x width x height of an animated image: an hour of 480p at 7 frames/s."""

MAX_JPEG_SCANS: Final = 100
"""Passes over the image that a progressive JPEG may make; encoders write about ten.

Each may take a few bytes of the file and as long as decoding the whole image.
"""

MAX_IMAGE_BYTES: Final = 1 << 30
"""Largest image file: 134 million pixels with 16 bits and no compression have 800 MB."""

MAX_MESSAGE_BYTES: Final = 1 << 30
"""Largest message of a bag, and the largest chunk or message that is unpacked."""

MAX_OPEN_CHUNK_BYTES: Final = 4 << 30
"""Unpacked size of the chunks of a bag that overlap in time, which must be held all at once."""

MAX_YAML_BYTES: Final = 1 << 20
"""Largest YAML file; a camera calibration has some hundred bytes."""

MAX_BAG_METADATA_BYTES: Final = 1 << 21
"""Largest metadata.yaml of a bag, which lists every one of its files: ten thousand of them."""

MAX_YAML_NODES: Final = 1 << 18
"""Values of a YAML file once its aliases are written out."""

MAX_YAML_DEPTH: Final = 32
"""Levels of a YAML file; the parser's time grows with their square."""

MAX_MANIFEST_BYTES: Final = 1 << 20
"""Largest manifest of a model."""

MAX_MODEL_BYTES: Final = 1 << 30
"""Largest model file: VGG16 with its widest layers in fp32 has 528 MiB."""

MAX_NETWORK_SIDE: Final = 2048
"""Largest side of a face and of the network's input that a manifest may ask for, in pixels."""

MAX_QUOTED: Final = 200
"""Characters of a foreign text (a library's error, a name in a file) that a message repeats."""


def size_problem(width: int, height: int, max_pixels: int = MAX_PIXELS) -> str | None:
    """Says in half a sentence why an image size is refused; None when it is fine."""
    if width < 1 or height < 1:
        return f'it is {width}x{height} pixels, and both sides must be at least 1'
    if width > MAX_SIDE or height > MAX_SIDE:
        return f'it is {width}x{height} pixels, and no side may exceed {MAX_SIDE}'
    if width * height > max_pixels:
        return f'it is {width}x{height} pixels, and more than {max_pixels} pixels are refused'
    return None


def quoted(foreign: object) -> str:
    """A foreign text as part of a message: one line, cut after MAX_QUOTED characters.

    Args:
        foreign: A string from a file or message, or an exception of a library.

    Returns:
        The text without a full stop at its end; the name of an exception that has no text.
    """
    text = ' '.join(str(foreign).split()).rstrip('.')
    text = ''.join(character if character.isprintable() else '?' for character in text)
    if not text and isinstance(foreign, BaseException):
        return type(foreign).__name__
    return text if len(text) <= MAX_QUOTED else f'{text[:MAX_QUOTED]}...'
