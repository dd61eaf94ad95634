"""What the robot runs, opened for measuring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.inference.onnx_session import ProviderSettings
from training.errors import TrainingError

DETECTOR = 'centerface'


@contextmanager
def opening(model: Path, option: str, threads: int | None) -> Iterator[ProviderSettings]:
    """Gives the settings to open an exported model with, on the CPU.

    Args:
        model: The model's file.
        option: The command's option that needs it, for the error.
        threads: Of the networks; None for ONNX Runtime's choice.

    Raises:
        TrainingError: The model is no ONNX file, or the block could not load a network.
    """
    if model.suffix != '.onnx':
        raise TrainingError(
            f'{option} runs what the robot runs: give --model an exported .onnx, not {model}'
        )
    try:
        yield ProviderSettings(('cpu',), num_threads=threads or 0)
    except EmotionPerceptionError as error:
        raise TrainingError(str(error)) from error
