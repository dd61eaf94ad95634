"""Offline training of the facial emotion classifier on FER-2013 (PyTorch, never needed to run)."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

if find_spec('emotion_perception') is None:
    # Labels, preprocessing and manifest are the runtime's; from a checkout nothing is installed.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'src'))

# Before any module here imports ONNX Runtime: see there for what it does to the environment.
import_module('emotion_perception')
