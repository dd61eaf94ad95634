"""The comparison of real networks on made data, and the counting of what they cost."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from training.cli import main
from training.comparison import candidates, compare, cost, figure, report
from training.config import ModelConfig
from training.dataset import ferplus
from training.errors import TrainingError
from training.fit import curves
from training.fit.module import Classifier
from training.models import build
from training.recipe_files import parse, read_recipe
from training.scoring import metrics, predict, private_test_log
from training.shipping import graph
from training.weights.fold import fold_batch_norm

MODEL = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'
RECIPE = """
name: {name}
model: {{arch: {arch}, dropout: 0.0}}
train: {{batch_size: 16, ema_decay: 0.0, epoch_images: 50, phases: [{{epochs: 3, size: 64}}]}}
"""


def scatter_biases(network: torch.nn.Module) -> None:
    """Fresh biases are zero, and the exporter leaves zero biases out."""
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.5, 0.2)


def make_run(folder: Path, name: str, arch: str, seed: int = 0, history: bool = True) -> Path:
    """A run folder as `train` leaves it, with random weights that differ by the seed."""
    folder.mkdir(parents=True)
    (folder / 'recipe.yaml').write_text(RECIPE.format(name=name, arch=arch))
    facts = {'training_images': 70, 'mean': 0.4, 'std': 0.25}
    (folder / 'data.json').write_text(json.dumps(facts))
    torch.manual_seed(seed)
    module = Classifier(read_recipe(folder / 'recipe.yaml'), 0.4, 0.25)
    scatter_biases(module.network)
    torch.save({'state_dict': module.state_dict(), 'epoch': 1}, folder / 'best.ckpt')
    for epoch in range(1, 4) if history else ():
        line = curves.Line(epoch, 64, 0.01, 1.5, 1.4, 0.5, 60.0)
        curves.append(folder / 'history.csv', line)
    return folder


@pytest.fixture(scope='module')
def place(tmp_path_factory, made_rows) -> Path:
    folder = tmp_path_factory.mktemp('compare')
    make_run(folder / 'one', 'xception', 'mini_xception', 1)
    make_run(folder / 'two', 'xception', 'mini_xception', 2, history=False)
    for path in (MODEL, MODEL.with_suffix('.json')):
        shutil.copy(path, folder)
    with (folder / 'votes.csv').open('w') as file:
        file.write(','.join(['Usage', 'Image name', *ferplus.COLUMNS]) + '\n')
        for label, _, usage in made_rows:
            votes = [0] * 10
            votes[ferplus.FER2013_COLUMNS[label]] = 10
            file.write(','.join([usage, 'x.png', *map(str, votes)]) + '\n')
    return folder


@pytest.fixture(scope='module')
def command(place, made_csv):
    def run(*words: str | Path) -> int:
        places = ['--data', str(made_csv), '--cache', str(place / 'cache')]
        out = ['--out', str(place / 'out'), '--threads', '1']
        return main(['compare', *places, *map(str, words), *out])

    return run


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(cost, 'ROUNDS', 2)


def cells(text: str, line: int) -> list[str]:
    return [cell.strip() for cell in text.splitlines()[line].strip('|').split('|')]


def test_one_table_of_runs_and_files(place, command, capsys):
    model = place / MODEL.name
    assert command(place / 'one', place / 'two', model, '--ferplus', place / 'votes.csv') == 0
    printed = capsys.readouterr().out
    document = json.loads((place / 'out/compare.json').read_text())
    first, second, shipped = document['models']
    assert [first['name'], second['name']] == ['xception (one)', 'xception (two)']
    assert document['setting']['baseline'] == 'xception (one)'
    assert document['setting']['threads'] == 1
    assert document['setting']['rounds'] == 2
    # Three epochs of three whole batches of 16.
    assert (first['epochs'], first['images'], first['seconds']) == (3, 144, 180)
    assert (second['epochs'], second['images'], second['seconds']) == (None, None, None)
    facts = json.loads(model.with_suffix('.json').read_text())['training']
    assert shipped['epochs'] == facts['epochs_trained']
    assert shipped['seconds'] == facts.get('seconds')
    assert shipped['network'].startswith('alexnet ') and ' int8' in shipped['network']
    assert shipped['size_bytes'] == model.stat().st_size
    # Weights in fp32, and little beside them.
    assert 4 * 55_616 < first['size_bytes'] < 2 * 4 * 57_095
    # Its images are counted in the table of what was read, and nothing else is told of it.
    assert not re.search(r'PrivateTest(?! +\d)', printed)
    assert not list(place.rglob(private_test_log.LOG_NAME))
    table = (place / 'out/compare.md').read_text()
    rows = [line for line in table.splitlines() if line.startswith('|')]
    assert len(rows) == 2 + 3
    assert all(row in printed for row in rows)
    assert cells('\n'.join(rows), 3)[6:9] == ['-', '-', '-']
    assert 'FER+, %' in rows[0]
    assert (place / 'out/compare.png').stat().st_size > 5000
    command_line = '--threads 1 one two'
    assert command_line in table
    assert '--ferplus fer2013new.csv` at commit' in table


def test_scores_and_gains_are_those_of_evaluate(place, command, made_csv):
    model = place / MODEL.name
    assert command(place / 'one', '--baseline', model) == 0
    document = json.loads((place / 'out/compare.json').read_text())
    baseline, other = document['models']
    assert document['setting']['baseline'] == baseline['name']
    assert baseline['against_baseline'] is None
    words = ['--data', str(made_csv), '--cache', str(place / 'cache'), '--threads', '1']
    assert main(['evaluate', *words, '--model', str(model), '--out', str(place / 'alone')]) == 0
    alone = json.loads((place / 'alone/scores.json').read_text())['splits']['PublicTest']
    assert baseline['splits']['PublicTest'] == alone
    gain = other['against_baseline']['PublicTest']
    accuracy = [m['splits']['PublicTest']['accuracy']['value'] for m in (baseline, other)]
    assert gain['gain'] == pytest.approx(accuracy[1] - accuracy[0], abs=2e-4)
    assert gain['gain_interval95'][0] <= gain['gain'] <= gain['gain_interval95'][1]
    assert (gain['only_this_right'] - gain['only_baseline_right']) / 21 == pytest.approx(
        gain['gain'], abs=1e-4
    )


def test_final_logs_each_reading_beside_its_model(tmp_path, place, command):
    run = shutil.copytree(place / 'one', tmp_path / 'run')
    for path in (MODEL, MODEL.with_suffix('.json')):
        shutil.copy(path, tmp_path)
    assert command(run, tmp_path / MODEL.name, '--final') == 0
    for folder, name in ((run, 'best.ckpt'), (tmp_path, MODEL.name)):
        (line,) = (folder / private_test_log.LOG_NAME).read_text().splitlines()
        reading = json.loads(line)
        assert (reading['model'], reading['split']) == (name, 'PrivateTest')
        assert reading['accuracy']['n'] == 21
    manifest = json.loads((tmp_path / MODEL.name).with_suffix('.json').read_text())
    assert manifest['scores']['PrivateTest']['accuracy']['n'] == 21
    header = (place / 'out/compare.md').read_text().splitlines()[2]
    assert 'PublicTest, %' in header
    assert 'PrivateTest, %' in header
    assert 'Private gain, points' in header


def test_mistakes_are_one_sentence(tmp_path, place, command, capsys):
    model = place / MODEL.name
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'notes.txt').touch()
    broken = shutil.copytree(place / 'one', tmp_path / 'broken')
    (broken / 'history.csv').write_text('epoch,size\n1,2\n')
    for words, message in (
        ([model, model], 'is given twice'),
        ([place / 'one', place / 'one/best.ckpt'], 'is given twice'),
        ([tmp_path / 'none.onnx'], 'no model at'),
        ([tmp_path / 'empty'], 'has no best.ckpt'),
        ([tmp_path / 'notes.txt'], 'neither a run folder'),
        ([model, '--baseline', tmp_path / 'none'], 'no model at'),
        ([model, '--ferplus', tmp_path / 'none.csv'], 'cannot be read'),
        ([broken], 'history.csv is damaged'),
    ):
        assert command(*words) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith('error: ')
        assert message in error


def test_threads_must_be_positive():
    with pytest.raises(TrainingError, match='--threads must be at least 1'):
        compare._threads(0)


def test_other_labels_are_refused(tmp_path, command, capsys):
    for path in (MODEL, MODEL.with_suffix('.json')):
        shutil.copy(path, tmp_path)
    path = (tmp_path / MODEL.name).with_suffix('.json')
    document = json.loads(path.read_text())
    document['labels'] = document['labels'][::-1]
    path.write_text(json.dumps(document))
    assert command(tmp_path / MODEL.name) == 1
    assert 'labels must be Angry' in capsys.readouterr().err


def test_network_and_its_export_count_alike(tmp_path):
    network = build(ModelConfig(arch='mini_xception', dropout=0.0)).eval()
    scatter_biases(network)
    counted = cost.of_network(network, 227)
    graph.to_onnx(fold_batch_norm(network), tmp_path / 'a.onnx')
    exported = cost.of_file(tmp_path / 'a.onnx', 227)
    assert exported.multiply_adds == counted.multiply_adds > 1e6
    # Folded away: the scale of each channel; its shift has become the bias.
    scales = [m.num_features for m in build_norms(ModelConfig(arch='mini_xception'))]
    assert counted.parameters - exported.parameters == sum(scales)


def build_norms(config: ModelConfig) -> list[torch.nn.BatchNorm2d]:
    with torch.device('meta'):
        network = build(config)
    return [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_alexnet_is_counted_as_by_hand():
    network = build(ModelConfig(arch='alexnet', fc_ranks=(128, 64))).eval()
    convolutions = [(56, 3, 64, 11), (27, 64, 192, 5)]
    convolutions += [(13, 192, 384, 3), (13, 384, 256, 3), (13, 256, 256, 3)]
    by_hand = sum(side**2 * i * o * k**2 for side, i, o, k in convolutions)
    by_hand += 9216 * 128 + 128 * 4096 + 4096 * 64 + 64 * 4096 + 4096 * 7
    assert cost.of_network(network, 227).multiply_adds == by_hand


def test_the_shipped_file_does_the_products_of_its_network():
    facts = json.loads(MODEL.with_suffix('.json').read_text())['training']
    network = build(parse(ModelConfig, facts['recipe']['model'], 'model')).eval()
    # int8 does the same products.
    counted = cost.of_file(MODEL, 227).multiply_adds
    assert counted == cost.of_network(network, 227).multiply_adds


def graph_file(path: Path, classes: int, output: str = 'logits') -> Path:
    """A grouped convolution, its average, and a transposed matrix product."""
    rng = np.random.default_rng(0)
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, rng.normal(size=shape).ravel())
        for name, shape in (('w', (6, 1, 3, 3)), ('b', (6,)), ('m', (6, classes)))
    ]
    nodes = [
        helper.make_node('Conv', ['input', 'w', 'b'], ['a'], group=3, strides=[2, 2]),
        helper.make_node('GlobalAveragePool', ['a'], ['c']),
        helper.make_node('Flatten', ['c'], ['d']),
        helper.make_node('Gemm', ['d', 'm'], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        'made',
        [helper.make_tensor_value_info('input', TensorProto.FLOAT, ['n', 3, 's', 's'])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ['n', classes])],
        weights,
    )
    opset = [helper.make_opsetid('', 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_groups_strides_and_dynamic_sizes_are_counted(tmp_path):
    path = graph_file(tmp_path / 'a.onnx', 7)
    onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    counted = cost.of_file(path, 21)
    assert counted.multiply_adds == 10 * 10 * 6 * 9 + 6 * 7
    assert counted.parameters == 6 * 9 + 6 + 6 * 7


@pytest.mark.parametrize(
    ('classes', 'output', 'message'), [(5, 'logits', '5 classes'), (7, 'scores', 'must have one')]
)
def test_file_of_another_task_is_refused(classes, output, message, tmp_path):
    path = graph_file(tmp_path / 'a.onnx', classes, output)
    with pytest.raises(TrainingError, match=message):
        cost.of_file(path, 21)


def test_file_without_the_usual_logits_is_refused_before_it_runs(tmp_path):
    path = graph_file(tmp_path / 'a.onnx', 7, 'scores')
    with pytest.raises(TrainingError, match=r'no output "logits" \(it has: scores\)'):
        predict.onnx_predictor(path)


def test_no_onnx_file_is_refused(tmp_path):
    (tmp_path / 'a.onnx').write_bytes(b'no graph')
    with pytest.raises(TrainingError, match='no ONNX file'):
        cost.of_file(tmp_path / 'a.onnx', 21)


def test_all_models_take_turns():
    calls: list[str] = []

    def model(name: str):
        def predict(faces):
            assert faces.shape[0] == 1
            calls.append(name)
            return faces

        return predict

    times = cost.milliseconds([(model('a'), 8), (model('b'), 16)], rounds=2)
    assert calls == ['a', 'a', 'b', 'b'] * (2 + cost.WARM_UP)
    assert len(times) == 2
    assert all(value >= 0 for value in times)


def test_names_are_made_unique(tmp_path):
    counted = cost.Cost(1, 1)

    def candidate(path: str) -> candidates.Candidate:
        file = tmp_path / path
        return candidates.Candidate(file, file, 'x', '', 227, 227, counted, 1, candidates.Effort())

    paths = ['a/best.ckpt', 'a/last.ckpt', 'q/a/best.ckpt', 'm.onnx']
    names = candidates.unique_names([candidate(path) for path in paths])
    assert names == ['x (a) (1)', 'x (a/last.ckpt)', 'x (a) (3)', f'x ({tmp_path.name}/m.onnx)']


def test_names_of_equal_points_do_not_cover_each_other(tmp_path, monkeypatch):
    boxes = []
    placed = figure._placed
    monkeypatch.setattr(figure, '_placed', lambda *words: boxes.append(placed(*words)) or boxes[-1])
    share = metrics.Share(60, 100)
    points = [figure.Point(f'network {n}', share, 10**6, 1.0) for n in range(5)]
    unknown = figure.Point('no graph', share, None, 1.0)
    figure.draw([*points, unknown], 'PublicTest', 'made', tmp_path / 'a.png')
    assert (tmp_path / 'a.png').stat().st_size > 5000
    left, right = boxes[:5], boxes[5:]
    assert len(right) == 6
    for group in (left, right):
        assert all(box.count_overlaps(group) == 1 for box in group), 'each meets only itself'


def test_other_starting_weights_are_said():
    model = {'arch': 'alexnet', 'init': 'runs/alexnet_full', 'fc_ranks': [128, 64]}
    assert candidates._network(model, 'fp32') == 'alexnet 128/64 fp32 from alexnet_full'
    model['conv_ranks'] = [8, 9, 10, 11]
    assert candidates._network(model, None) == 'alexnet 8/9/10/11/128/64 from alexnet_full'
    assert candidates._network({}, None) == '-'


def test_unknown_figures_are_a_dash():
    assert report._figure(None, 1e6, 2) == report.NOTHING
    assert report._figure(15_470_000_000, 1e6, 0) == '15,470'
