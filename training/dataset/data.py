"""Reads FER-2013 once into memory-mapped arrays: Kaggle's CSV (also packed) or image folders."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import json
import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from emotion_perception.limits import quoted
from training.console import progress
from training.dataset import folders
from training.errors import TrainingError
from training.writing import write_bytes, write_json

SIDE = 48
SPLITS = ('Training', 'PublicTest', 'PrivateTest')
_CACHE_VERSION = 2
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
        path: `fer2013.csv`, also as .xz, .gz, .bz2 or .zip, or a folder with
            `train/<emotion>/*.jpg`, see `folders.find`.
        cache: Folder for the arrays; made when missing.

    What was read is printed as a table, always.

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
    dataset = _open_cache(folder, path)
    _tell(dataset)
    return dataset


def _tell(dataset: Dataset) -> None:
    """Shows what there is: a split that went elsewhere, or an empty class, is seen at once."""
    if os.environ.get('LOCAL_RANK', '0') != '0':  # one of several processes that train together
        return
    counts = {
        name: np.bincount(split.labels, minlength=NUM_EMOTIONS).tolist()
        for name, split in dataset.splits.items()
    }
    print(folders.table(counts))
    lacking = [EMOTION_NAMES[i] for i, count in enumerate(counts['Training']) if not count]
    if lacking:
        print(
            f'warning: no Training images of {", ".join(lacking)}: a network cannot learn them.',
            file=sys.stderr,
        )


def _fingerprint(path: Path) -> str:
    """Names a source by path, size and time, so that a changed file is read again."""
    files = sorted(folders.walk(path)) if path.is_dir() else [path]
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
    except _UNREADABLE as error:
        raise TrainingError(f'{path} cannot be read as a CSV file: {quoted(error)}') from error


_UNREADABLE = (
    *(OSError, lzma.LZMAError, EOFError, UnicodeDecodeError, csv.Error),
    *(zipfile.BadZipFile, zlib.error),
)
_UNPACKERS: dict[str, Callable[[Path], IO[bytes]]] = {
    '.xz': lzma.open,
    '.gz': gzip.open,  # type: ignore[dict-item]
    '.bz2': bz2.open,
}


def _open_text(path: Path) -> IO[str]:
    """Opens a CSV file, packed or not; Excel puts a mark of UTF-8 in front."""
    suffix = path.suffix.lower()
    if suffix == '.parquet':
        raise TrainingError(
            f'{path} is a Parquet file: write it as CSV first, for example with '
            "`pandas.read_parquet(...).to_csv('fer2013.csv', index=False)`"
        )
    if suffix == '.zip':
        return io.TextIOWrapper(_only_csv(path), encoding='utf-8-sig', newline='')
    open_file = _UNPACKERS.get(suffix, _plain)
    return io.TextIOWrapper(open_file(path), encoding='utf-8-sig', newline='')


def _plain(path: Path) -> IO[bytes]:
    return path.open('rb')


def _only_csv(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [
        each
        for each in archive.namelist()
        if each.lower().endswith('.csv') and '__MACOSX' not in each
    ]
    if len(names) != 1:
        raise TrainingError(
            f'{path} holds {len(names)} CSV files instead of one: unpack it and give fer2013.csv, '
            'or the folder of images in it'
        )
    return archive.open(names[0])


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
    number = -1
    for row in reader:
        if not row:  # a blank line, as the last one often is
            continue
        number += 1
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


def _read_folder(root: Path) -> list[_Row]:
    found = folders.find(root)
    if found.left_out:
        kinds = ', '.join(f'{count} {kind}' for kind, count in sorted(found.left_out.items()))
        print(
            f'warning: files under {root} that are no images are left out: {kinds}.',
            file=sys.stderr,
        )
    return [
        _read_image(number, image)
        for number, image in enumerate(progress(found.images, f'reading {root.name}', 'files'))
    ]


def _read_image(number: int, found: folders.FoundImage) -> _Row:
    raw = np.frombuffer(found.file.read_bytes(), np.uint8)
    image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE) if raw.size else None
    if image is None:
        raise TrainingError(f'{found.file} is not a readable image')
    if image.shape != (SIDE, SIDE):
        raise TrainingError(
            f'{found.file} has {image.shape[1]}x{image.shape[0]} pixels instead of {SIDE}x{SIDE}'
        )
    return _Row(number, found.split, found.label, np.asarray(image, dtype=np.uint8))


def _write_cache(folder: Path, rows: list[_Row]) -> None:
    """Writes one array per field and split; `index.json` last, so a half cache is never used."""
    if not any(row.split == 'Training' for row in rows):
        raise TrainingError('the data set has no Training rows')
    counts = {}
    for split in SPLITS:
        chosen = [row for row in rows if row.split == split]
        images = np.array([row.image for row in chosen], np.uint8).reshape(-1, SIDE, SIDE)
        _save(folder / f'{split}-images.npy', images)
        _save(folder / f'{split}-labels.npy', np.array([r.label for r in chosen], np.int64))
        _save(folder / f'{split}-rows.npy', np.array([r.number for r in chosen], np.int64))
        counts[split] = len(chosen)
    write_json(folder / 'index.json', counts)


def _save(path: Path, array: NDArray[Any]) -> None:
    content = io.BytesIO()
    np.save(content, array)
    write_bytes(path, content.getbuffer())


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


def in_fold(images: Images, fold: tuple[int, int]) -> NDArray[np.bool_]:
    """Which images are in the k-th of n parts of about equal size.

    Args:
        images: uint8 `[m, 48, 48]`.
        fold: k (from 1) and n; equal images are in the same part, whatever their order.

    Returns:
        bool `[m]`.
    """
    number, of = fold
    parts = [int(digest, 16) % of for digest in fingerprints(images)]
    return np.array([part == number - 1 for part in parts], dtype=np.bool_)
