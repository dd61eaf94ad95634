"""Which of a bag's image topics faces are looked for in, when the user names none."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


class Kind(enum.IntEnum):
    """What the images of a topic show, the most useful for faces first."""

    COLOUR = 0
    GREY = 1
    UNKNOWN = 2
    DEPTH = 3
    DRAWN = 4


_DEPTH_ENCODINGS: Final = frozenset(('16UC1', '32FC1', '64FC1'))
_GREY_ENCODINGS: Final = frozenset(('mono8', 'mono16', '8UC1'))
# Only where the encodings say the same of both: infrared cameras are grey ones too.
_LAST_NAMES: Final = ('depth', 'infra', '/ir/', 'thermal')


@dataclass(frozen=True, slots=True)
class ImageTopic:
    """A topic of images, and what its first message says.

    Attributes:
        name: Topic name.
        encoding: `encoding` of an Image, `format` of a CompressedImage; empty when not known.
        is_drawn: Whether it is the overlay beside a topic of results, as this package records it.
    """

    name: str
    encoding: str
    is_drawn: bool = False

    @property
    def kind(self) -> Kind:
        """What its images show."""
        if self.is_drawn:
            return Kind.DRAWN
        # image_transport writes the encoding before the compression: `mono8; jpeg compressed`.
        first = self.encoding.partition(';')[0].strip()
        if first in _DEPTH_ENCODINGS or 'compressedDepth' in self.encoding:
            return Kind.DEPTH
        if first in _GREY_ENCODINGS:
            return Kind.GREY
        return Kind.COLOUR if first else Kind.UNKNOWN

    @property
    def has_telling_name(self) -> bool:
        """Whether its name is one of cameras for depth or infrared light."""
        return any(word in f'{self.name.lower()}/' for word in _LAST_NAMES)

    def __str__(self) -> str:
        """Name and encoding."""
        what = 'overlay' if self.is_drawn else self.encoding.partition(';')[0].strip()
        return f'{self.name} ({what or "encoding not known"})'


def ranked(topics: Sequence[ImageTopic]) -> list[ImageTopic]:
    """Topics by what they show, then by name where that tells, then in the order of the bag."""
    return sorted(topics, key=lambda topic: (topic.kind, topic.has_telling_name))


def is_ambiguous(topics: Sequence[ImageTopic]) -> bool:
    """Whether nothing but the order of the bag sets the first of ranked topics before the second.

    Compressed images of a topic are not another one.
    """
    first, *others = topics
    return any(
        (each.kind, each.has_telling_name) == (first.kind, first.has_telling_name)
        and each.name.removesuffix('/compressed') != first.name.removesuffix('/compressed')
        for each in others
    )


def remark(topics: Sequence[ImageTopic]) -> str:
    """Which topic was chosen and what else there is; empty when there is one only.

    Args:
        topics: Ranked, at least one.
    """
    first, *others = topics
    if not others:
        return ''
    return (
        f'Images of {first}; there are also {", ".join(map(str, others))}: choose by image_topic.'
    )
