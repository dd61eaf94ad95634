"""Matplotlib without a screen, and what all figures end with."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl

mpl.use('Agg')  # before pyplot looks for a screen
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from training.writing import write_bytes

__all__ = ['plt', 'save']


def save(figure: Figure, path: Path, dpi: int = 110) -> None:
    """Writes a figure as PNG and lets go of it."""
    image = io.BytesIO()
    figure.savefig(image, format='png', dpi=dpi)
    plt.close(figure)
    write_bytes(path, image.getbuffer())
