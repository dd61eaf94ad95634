"""The notebook in examples/ runs the whole training road; its saved outputs are fit for the web."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip('nbformat', reason='the notebook needs nbformat: make examples-env')
pytest.importorskip('nbclient', reason='the notebook needs nbclient: make examples-env')
pytest.importorskip('ipykernel', reason='the notebook needs ipykernel: make examples-env')

from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOK = Path(__file__).parents[2] / 'examples' / 'training_road.ipynb'
MEBIBYTE = 1 << 20


def text_of(notebook):
    """What the cells of a notebook have printed."""
    outputs = (output for cell in notebook.cells for output in cell.get('outputs', []))
    return ''.join(output.get('text', '') for output in outputs)


@pytest.fixture(scope='module')
def executed(tmp_path_factory):
    """The notebook after a run on its own drawn faces, and the folder of its results."""
    out = tmp_path_factory.mktemp('road')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TRAINING_ROAD_OUT', str(out))
        patch.setenv('JUPYTER_RUNTIME_DIR', str(tmp_path_factory.mktemp('jupyter')))
        patch.delenv('FER2013', raising=False)
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        # By sockets in a folder, not over the network; the kernel runs in another folder than this.
        sockets = str(tmp_path_factory.mktemp('sockets') / 'kernel')
        config = Config({'KernelManager': {'transport': 'ipc', 'ip': sockets}})
        place = {'metadata': {'path': str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=1800, resources=place, config=config).execute()
    return notebook, out


@pytest.mark.slow
def test_every_cell_runs_and_ends_with_a_model_that_fits_the_runtime(executed):
    from emotion_perception.inference.classifier import EmotionClassifier

    notebook, out = executed
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert EmotionClassifier(out / 'small.onnx').manifest.name
    assert 'PublicTest' in text_of(notebook)
    assert (out / 'compare' / 'compare.md').exists() and (out / 'report' / 'report.md').exists()


@pytest.mark.slow
def test_private_test_stays_unread(executed):
    assert not list(executed[1].rglob('private_test_readings.jsonl'))


def test_saved_outputs_are_complete_small_and_name_no_machine():
    text = NOTEBOOK.read_text(encoding='utf-8')
    saved = nbformat.reads(text, as_version=4)
    nbformat.validate(saved)
    cells = [cell for cell in saved.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds == {'stream', 'display_data'}
    assert len(text) < MEBIBYTE
    assert not [place for place in ('/home/', '/tmp/', str(NOTEBOOK.parents[1])) if place in text]
