"""How large a picture may be before it is refused as damaged or hostile."""

MAX_SIDE = 16384
"""Largest width and height in pixels."""

MAX_PIXELS = 1 << 27
"""Largest width x height: 134 million pixels, 400 MB once decoded."""


def size_problem(width: int, height: int) -> str | None:
    """Says in half a sentence why a picture size is refused; None when it is fine."""
    if width < 1 or height < 1:
        return f'it is {width}x{height} pixels, and both sides must be at least 1'
    if width > MAX_SIDE or height > MAX_SIDE:
        return f'it is {width}x{height} pixels, and no side may exceed {MAX_SIDE}'
    if width * height > MAX_PIXELS:
        return f'it is {width}x{height} pixels, and more than {MAX_PIXELS} pixels are refused'
    return None
