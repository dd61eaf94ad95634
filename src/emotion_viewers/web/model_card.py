"""The model card as the page shows it, and the notice above everything."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOTICE: Final = """\
**Responsible use.** The results name the *apparent expression in an image*, not what a person
feels. Do not decide about a person by them, and ask people before you show their faces. In the
European Union, inferring emotions at work and in education is banned (AI Act, article 5(1)(f)).
Images stay on the machine that runs this page and are removed when you close it.
More under *Model card*."""

_IMAGE: Final = re.compile(r'^!\[(?P<title>[^\]]*)\]\((?P<file>[^)\s]+)\)\s*$', re.M)
_RELATIVE_LINK: Final = re.compile(r'(?<!!)\[(?P<text>[^\]]+)\]\((?![a-z]+:)[^)]*\)')


@dataclass(frozen=True, slots=True)
class CardImage:
    """An image of the card.

    Attributes:
        title: What it shows.
        path: Its file.
    """

    title: str
    path: Path


def model_card(card: Path) -> list[str | CardImage]:
    """A model card in pieces, in order: Markdown text, and the images between.

    Links to files beside the card become plain text, since the page does not serve them. An image
    whose file is missing is left out, and a missing card is a sentence that says so.

    Args:
        card: Markdown file; each image stands on a line of its own.
    """
    try:
        text = card.read_text(encoding='utf-8')
    except OSError:
        return ['The model in use brings no model card: nobody has said where it fails.']
    pieces: list[str | CardImage] = []
    position = 0
    for match in _IMAGE.finditer(text):
        pieces.append(_without_relative_links(text[position : match.start()]))
        path = card.parent / match['file']
        if path.is_file():
            pieces.append(CardImage(match['title'], path))
        position = match.end()
    pieces.append(_without_relative_links(text[position:]))
    return [piece for piece in pieces if not isinstance(piece, str) or piece.strip()]


def _without_relative_links(text: str) -> str:
    return _RELATIVE_LINK.sub(r'\g<text>', text)
