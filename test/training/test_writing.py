"""What training writes takes the place of the file before only when it is whole."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from emotion_perception.files import resources
from emotion_perception.labels import FER2013
from training.charts import plt, save
from training.dataset import data
from training.errors import TrainingError
from training.shipping.graph import write_shipped
from training.teaching import predictions
from training.writing import write_json


def write_predictions(path: Path) -> None:
    split = data.Split('Training', *(np.zeros(shape, np.uint8) for shape in ((1, 48, 48), 1, 1)))
    logs = {FER2013: np.zeros((1, 7), np.float16)}
    predictions.write(path, predictions.Predictions(logs, {}), split)


def write_figure(path: Path) -> None:
    save(plt.figure(), path)


def write_model(path: Path) -> None:
    graph = onnx.helper.make_graph([], 'nothing', [], [])
    source = path.with_name('measured.onnx')
    onnx.save(onnx.helper.make_model(graph), source)
    write_shipped(source, path)


def write_document(path: Path) -> None:
    write_json(path, {'accuracy': 0.5})


@pytest.mark.parametrize('write', [write_predictions, write_figure, write_model, write_document])
def test_a_file_that_cannot_be_finished_leaves_the_one_before(write, tmp_path, monkeypatch):
    path = tmp_path / 'file.npz'
    write(path)
    before = path.read_bytes()
    names = {each.name for each in path.parent.iterdir()}

    def full(path: Path) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(resources, '_flush', full)
    with pytest.raises(TrainingError, match=r'file\.npz cannot be written: No space left'):
        write(path)
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == names
