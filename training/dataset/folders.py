"""Finds images in folders by split and class, as FER-2013 and its relatives are handed around."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion_perception.files.walking import walk_folders
from emotion_perception.labels import EMOTION_NAMES
from training.errors import TrainingError

IMAGE_SUFFIXES = frozenset(
    ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.pgm', '.ppm')
)
# Names of the same thing; Kaggle's folder re-upload has `train` and `test` only.
_TRAINING = ('train', 'training')
_SELECTING = ('val', 'valid', 'validation', 'dev', 'publictest', 'public_test', 'public')
_FINAL = ('privatetest', 'private_test', 'private')
_TEST = ('test', 'testing')
_CLASSES = {
    **{name.lower(): index for index, name in enumerate(EMOTION_NAMES)},
    **{str(index): index for index in range(len(EMOTION_NAMES))},
    **{'anger': 0, 'disgusted': 1, 'fearful': 2, 'afraid': 2, 'happiness': 3, 'joy': 3},
    **{'sadness': 4, 'surprised': 5, 'neutrality': 6, 'calm': 6},
}
_NO_CLASS = -1


@dataclass(frozen=True)
class FoundImage:
    """One image file.

    Attributes:
        file: Its path.
        split: Name as in FER-2013's `Usage` column.
        label: 0..6 in FER-2013 order.
    """

    file: Path
    split: str
    label: int


@dataclass(frozen=True)
class Found:
    """What is in a folder.

    Attributes:
        images: In the order of their paths.
        left_out: Number of files that are no images by their suffix, by suffix.
    """

    images: list[FoundImage]
    left_out: Counter[str]


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder, through links too, but those that systems leave behind.

    Hidden ones (`._a.jpg`, `.DS_Store`) and `__MACOSX` are no data.
    """
    for folder, folders, files in walk_folders(root):
        folders[:] = sorted(each for each in folders if not _is_litter(each))
        yield from (folder / each for each in sorted(files) if not _is_litter(each))


def find(root: Path) -> Found:
    """Finds the images of `<split>/<class>/*` or `images/<split>/<class>/*`.

    With `train`, `val` and `test`, `val` is PublicTest, which selects, and `test` PrivateTest,
    which is read for final figures only. Without a `val`, `test` is PublicTest.

    Raises:
        TrainingError: An image lies elsewhere, or its class is unknown.
    """
    files = sorted(walk(root))
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise TrainingError(f'no images under {root}: it must hold train/<emotion>/*.jpg')
    parts = [_parts(file, root) for file in images]
    has_selecting = any(split.lower() in _SELECTING for split, _ in parts)
    return Found(
        [
            FoundImage(file, _split(split, file, has_selecting), _label(name, file))
            for file, (split, name) in zip(images, parts, strict=True)
        ],
        Counter(file.suffix.lower() or file.name for file in files if file not in set(images)),
    )


def _is_litter(name: str) -> bool:
    return name.startswith('.') or name in ('__MACOSX', 'Thumbs.db', 'desktop.ini')


def _parts(file: Path, root: Path) -> tuple[str, str]:
    """Names of the folders for split and class."""
    parts = file.relative_to(root).parts[:-1]
    if len(parts) == 3 and parts[0].lower() == 'images':
        parts = parts[1:]
    if len(parts) != 2 or parts[0].lower() not in (*_TRAINING, *_SELECTING, *_FINAL, *_TEST):
        raise TrainingError(
            f'{file} is not at train/<emotion>/<file>, val/<emotion>/<file> or '
            'test/<emotion>/<file>'
        )
    return parts[0], parts[1]


def _split(name: str, file: Path, has_selecting: bool) -> str:
    name = name.lower()
    if name in _TRAINING:
        return 'Training'
    if name in _SELECTING:
        return 'PublicTest'
    return 'PrivateTest' if name in _FINAL or has_selecting else 'PublicTest'


def _label(name: str, file: Path) -> int:
    label = _CLASSES.get(name.lower(), _NO_CLASS)
    if label == _NO_CLASS:
        raise TrainingError(
            f'{file}: unknown label "{name}" (known: '
            f'{", ".join(each.lower() for each in EMOTION_NAMES)})'
        )
    return label


def table(counts: dict[str, Iterable[int]]) -> str:
    """Images by split and class, as lines of text.

    Args:
        counts: Seven numbers for each split.
    """
    heads = ('', *EMOTION_NAMES, 'all')
    rows = [(split, *map(str, (*row, sum(row)))) for split, row in _lists(counts).items()]
    return '\n'.join(
        ''.join(f'{cell:<12}' if not column else f'{cell:>9}' for column, cell in enumerate(row))
        for row in (heads, *rows)
    )


def _lists(counts: dict[str, Iterable[int]]) -> dict[str, list[int]]:
    return {split: list(row) for split, row in counts.items()}
