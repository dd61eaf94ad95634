"""Made FER-2013 data: seven classes told apart by where a bright bar lies."""

import csv
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

MISSING = [
    name for name in ('torch', 'lightning', 'onnxscript', 'matplotlib') if not find_spec(name)
]
# Before PyTorch is loaded: the networks are small, and other tests run beside these.
os.environ.setdefault('OMP_NUM_THREADS', '1')
SIZES = {'Training': 70, 'PublicTest': 21, 'PrivateTest': 21}


class _CannotRun(pytest.Module):
    """A file of tests whose imports would fail."""

    def collect(self):
        reason = f'training needs {", ".join(MISSING)}, the runtime does not: make training-env'
        pytest.skip(reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent):
    """Skip every file of this folder, not only those that remember to ask."""
    return _CannotRun.from_parent(parent, path=module_path) if MISSING else None


def made_image(label: int, rng: np.random.Generator) -> np.ndarray:
    image = rng.integers(40, 90, (48, 48), dtype=np.uint8)
    image[6 * label : 6 * label + 8] += 120
    return image


def write_csv(path: Path, rows: list[tuple[int, np.ndarray, str]]) -> Path:
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['emotion', 'pixels', 'Usage'])
        for label, image, usage in rows:
            writer.writerow([label, ' '.join(map(str, image.reshape(-1))), usage])
    return path


@pytest.fixture(scope='session')
def made_rows() -> list[tuple[int, np.ndarray, str]]:
    rng = np.random.default_rng(7)
    rows = [
        (i % 7, made_image(i % 7, rng), usage) for usage, size in SIZES.items() for i in range(size)
    ]
    # One PrivateTest and one PublicTest image with an identical twin in Training.
    first_public, first_private = SIZES['Training'], SIZES['Training'] + SIZES['PublicTest']
    rows[first_public] = (rows[0][0], rows[0][1], 'PublicTest')
    rows[first_private] = (rows[0][0], rows[0][1], 'PrivateTest')
    return rows


@pytest.fixture(scope='session')
def made_csv(tmp_path_factory, made_rows) -> Path:
    return write_csv(tmp_path_factory.mktemp('fer') / 'fer2013.csv', made_rows)
