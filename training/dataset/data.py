"""Reads FER-2013 once into memory-mapped arrays: Kaggle's CSV (also .xz) or its image folders."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from emotion_perception.limits import quoted
from training.console import progress
from training.errors import TrainingError

SIDE = 48
SPLITS = ('Training', 'PublicTest', 'PrivateTest')
# Kaggle's folder re-upload has only two parts: its `test` is PublicTest and PrivateTest mixed.
FOLDER_SPLITS = {'train': 'Training', 'test': 'PublicTest', 'val': 'PublicTest'}
FOLDER_NAMES = {name.lower(): index for index, name in enumerate(EMOTION_NAMES)}
IMAGE_SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.bmp'})
_CACHE_VERSION = 1
# FER-2013 has 35,887 rows of at most 9,300 characters; a packed file could stand for anything.
MAX_ROWS = 1_000_000
MAX_LINE = 1 << 16

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One part of the data set.

    Attributes:
        name: Name as in the CSV's `Usage` column.
        images: uint8 `[n, 48, 48]`, 0..255; memory-mapped.
        labels: int64 `[n]`, 0..6 in FER-2013 order.
        rows: int64 `[n]`, row number in the source file (joins the FER+ votes).
    """

    name: str
    images: Images
    labels: Labels
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Split:
        """The same split with only the images of a mask or an index list."""
        return Split(self.name, self.images[keep], self.labels[keep], self.rows[keep])


@dataclass(frozen=True)
class Dataset:
    """The whole data set, held by split name.

    Attributes:
        source: Path the data came from.
        splits: One entry for each name in `SPLITS`; a split may be empty (folder layout).
    """

    source: Path
    splits: dict[str, Split]

    def __getitem__(self, name: str) -> Split:
        return self.splits[name]


def load(path: Path, cache: Path) -> Dataset:
    """Reads the data set, from the cache when the source has not changed since.

    Args:
        path: `fer2013.csv`, `fer2013.csv.xz` or a folder with `train/<emotion>/*.jpg`.
        cache: Folder for the arrays; made when missing.

    Raises:
        TrainingError: The path is missing or its content is not FER-2013.
    """
    if not path.exists():
        raise TrainingError(
            f'no data at {path}: give --data the path of fer2013.csv, '
            'fer2013.csv.xz or the folder that holds train/ and test/'
        )
    key = _fingerprint(path)
    folder = cache / key
    if not (folder / 'index.json').is_file():
        rows = _read_folder(path) if path.is_dir() else _read_csv(path)
        _write_cache(folder, rows)
    return _open_cache(folder, path)


def _fingerprint(path: Path) -> str:
    """Names a source by path, size and time, so that a changed file is read again."""
    files = sorted(_image_files(path)) if path.is_dir() else [path]
    digest = hashlib.sha256(f'{_CACHE_VERSION} {path.resolve()}'.encode())
    for file in files:
        stat = file.stat()
        digest.update(f'{file} {stat.st_size} {stat.st_mtime_ns}'.encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Row:
    number: int
    split: str
    label: int
    image: Images


def _read_csv(path: Path) -> list[_Row]:
    try:
        with _open_text(path) as file:
            return list(progress(_csv_rows(file, path), f'reading {path.name}', 'rows'))
    except (OSError, lzma.LZMAError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f'{path} cannot be read as a CSV file: {quoted(error)}') from error


def _open_text(path: Path) -> IO[str]:
    if path.suffix == '.xz':
        return io.TextIOWrapper(lzma.open(path), encoding='ascii', newline='')
    return path.open(encoding='ascii', newline='')


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """The lines of a file; one without an end would fill the memory before anybody looks at it."""
    for _ in range(MAX_ROWS):
        line = file.readline(MAX_LINE)
        if not line:
            return
        if len(line) == MAX_LINE:
            raise TrainingError(f'{path} has a line of more than {MAX_LINE} characters')
        yield line
    raise TrainingError(f'{path} has more than {MAX_ROWS} rows')


def _csv_rows(file: IO[str], path: Path) -> Iterator[_Row]:
    reader = csv.reader(_lines(file, path))
    header = [name.strip() for name in next(reader, [])]
    for column in ('emotion', 'pixels', 'Usage'):
        if column not in header:
            raise TrainingError(
                f'{path} has no column "{column}" (found: '
                f'{quoted(", ".join(header)[:80]) or "nothing"}); '
                'it must have emotion,pixels,Usage'
            )
    emotion, pixels, usage = (header.index(name) for name in ('emotion', 'pixels', 'Usage'))
    for number, row in enumerate(reader):
        where = f'{path} row {number + 2}'
        if len(row) < len(header):
            raise TrainingError(f'{where} has {len(row)} of {len(header)} columns')
        yield _Row(
            number,
            _split_name(row[usage], where),
            _label(row[emotion], where),
            _pixels(row[pixels], where),
        )


def _split_name(text: str, where: str) -> str:
    name = text.strip()
    if name not in SPLITS:
        raise TrainingError(f'{where}: unknown Usage "{quoted(name)}" (known: {", ".join(SPLITS)})')
    return name


def _label(text: str, where: str) -> int:
    label = text.strip()
    if len(label) != 1 or not label.isdigit() or int(label) >= NUM_EMOTIONS:
        raise TrainingError(
            f'{where}: unknown label "{quoted(label)}" (known: 0 to {NUM_EMOTIONS - 1})'
        )
    return int(label)


def _pixels(text: str, where: str) -> Images:
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise TrainingError(f'{where}: pixels hold something that is not a number') from error
    if values.size != SIDE * SIDE:
        raise TrainingError(f'{where} has {values.size} pixels instead of {SIDE * SIDE}')
    if values.min() < 0 or values.max() > 255:
        raise TrainingError(f'{where} has a pixel outside 0..255')
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _image_files(root: Path) -> list[Path]:
    return [p for p in root.rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES]


def _read_folder(root: Path) -> list[_Row]:
    files = sorted(_image_files(root))
    if not files:
        raise TrainingError(f'no images under {root}: it must hold train/<emotion>/*.jpg')
    return [
        _read_image(number, file, root)
        for number, file in enumerate(progress(files, f'reading {root.name}', 'files'))
    ]


def _read_image(number: int, file: Path, root: Path) -> _Row:
    parts = file.relative_to(root).parts
    if len(parts) != 3 or parts[0].lower() not in FOLDER_SPLITS:
        raise TrainingError(f'{file} is not at train/<emotion>/<file> or test/<emotion>/<file>')
    name = parts[1].lower()
    if name not in FOLDER_NAMES:
        raise TrainingError(
            f'{file}: unknown label "{parts[1]}" (known: {", ".join(FOLDER_NAMES)})'
        )
    image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise TrainingError(f'{file} is not a readable image')
    if image.shape != (SIDE, SIDE):
        raise TrainingError(
            f'{file} has {image.shape[1]}x{image.shape[0]} pixels instead of {SIDE}x{SIDE}'
        )
    return _Row(
        number,
        FOLDER_SPLITS[parts[0].lower()],
        FOLDER_NAMES[name],
        np.asarray(image, dtype=np.uint8),
    )


def _write_cache(folder: Path, rows: list[_Row]) -> None:
    """Writes one array per field and split; `index.json` last, so a half cache is never used."""
    if not any(row.split == 'Training' for row in rows):
        raise TrainingError('the data set has no Training rows')
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for split in SPLITS:
        chosen = [row for row in rows if row.split == split]
        images = np.array([row.image for row in chosen], np.uint8).reshape(-1, SIDE, SIDE)
        np.save(folder / f'{split}-images.npy', images)
        np.save(folder / f'{split}-labels.npy', np.array([r.label for r in chosen], np.int64))
        np.save(folder / f'{split}-rows.npy', np.array([r.number for r in chosen], np.int64))
        counts[split] = len(chosen)
    (folder / 'index.json').write_text(json.dumps(counts), encoding='utf-8')


def _open_cache(folder: Path, source: Path) -> Dataset:
    counts = json.loads((folder / 'index.json').read_text('utf-8'))

    def array(split: str, field: str) -> NDArray[Any]:
        # An empty file cannot be mapped.
        mode: Literal['r'] | None = 'r' if counts[split] else None
        mapped: NDArray[Any] = np.load(folder / f'{split}-{field}.npy', mode, allow_pickle=False)
        return mapped

    return Dataset(
        source,
        {
            name: Split(name, array(name, 'images'), array(name, 'labels'), array(name, 'rows'))
            for name in SPLITS
        },
    )


def grey_statistics(images: Images) -> tuple[float, float]:
    """Mean and standard deviation of the pixels over 255, one number each for all positions."""
    counts = np.bincount(images.reshape(-1), minlength=256).astype(np.float64)
    values = np.arange(256) / 255
    mean = float((counts * values).sum() / counts.sum())
    variance = float((counts * (values - mean) ** 2).sum() / counts.sum())
    return mean, variance**0.5


def fingerprints(images: Images) -> list[str]:
    """MD5 of every image's pixels; equal images have equal strings."""
    return [hashlib.md5(image.tobytes(), usedforsecurity=False).hexdigest() for image in images]


def occur_in(images: Images, others: Images) -> NDArray[np.bool_]:
    """Which images also occur, pixel by pixel, in another split.

    Args:
        images: uint8 `[n, 48, 48]`.
        others: uint8 `[m, 48, 48]`.

    Returns:
        bool `[n]`.
    """
    known = set(fingerprints(others))
    return np.array([digest in known for digest in fingerprints(images)], dtype=np.bool_)
