"""What is fit for a terminal."""

import unicodedata


def shown(text: str) -> str:
    """A text fit for a terminal: names of files may hold anything, escape codes among it."""
    return ''.join(each if _is_harmless(each) else _escaped(each) for each in text)


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character == '\n' or unicodedata.category(character) == 'Zs'


def _escaped(character: str) -> str:
    return character.encode('unicode_escape').decode()
