"""The options of a recipe, by what the real train command does with them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_perception.labels import FER2013, FERPLUS
from training import checkpoint
from training.cli import main
from training.config import (
    AugmentConfig,
    DistillConfig,
    ModelConfig,
    OptimConfig,
    Phase,
    Recipe,
    TrainConfig,
)
from training.dataset import augment, data
from training.dataset.ferplus import COLUMNS, FER2013_COLUMNS
from training.fit import curves, teachers
from training.fit.module import Classifier
from training.scoring import predict

SHIPPED = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'
RECIPE = """
name: tiny
seed: 5
model: {arch: mini_xception, dropout: 0}
augment: {rotation: 0, zoom: 0, shift: 0, flip: false, brightness: 0, contrast: 0}
optim: {lr: 0.1, warmup: 0.1}
train: {batch_size: 14, ema_decay: 0, label_smoothing: 0, phases: [{epochs: 8, size: 48}]}
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('options')
    (path / 'tiny.yaml').write_text(RECIPE)
    return path


@pytest.fixture(scope='module')
def train(folder, made_csv):
    def run(name: str, *switches: str, words: tuple[str, ...] = ()) -> int:
        places = ['--data', str(made_csv), '--cache', str(folder / 'cache'), '--no-progress']
        recipe = ['--recipe', str(folder / 'tiny.yaml'), '--run', str(folder / name)]
        changes = [word for switch in switches for word in ('--set', switch)]
        return main(['train', *places, '--threads', '1', *recipe, *changes, *words])

    return run


@pytest.fixture(scope='module')
def teacher(folder, train) -> Path:
    assert train('teacher') == 0
    lines = curves.read(folder / 'teacher/history.csv')
    assert lines[-1].train_loss < lines[0].train_loss - 0.5
    return folder / 'teacher'


def test_distillation_teaches_without_any_label(teacher, folder, train):
    two = f'distill.teachers=["{teacher}", "{teacher / "last.ckpt"}"]'
    switches = (two, 'distill.weight=1', 'distill.temperature=2', 'seed=6')
    assert train('student', *switches) == 0
    lines = curves.read(folder / 'student/history.csv')
    assert lines[-1].train_loss < lines[0].train_loss / 2
    assert lines[-1].val_acc >= 0.5
    student = checkpoint.load(folder / 'student/best.ckpt')
    assert student.recipe.distill.teachers == (str(teacher), str(teacher / 'last.ckpt'))
    assert not any('teacher' in name for name in student.network.state_dict())


def test_teachers_predict_as_when_they_were_trained(teacher):
    recipe = Recipe('x', distill=DistillConfig((str(teacher),), temperature=1.0))
    faces = torch.rand(3, 1, 60, 60)
    taught = teachers.load(recipe).probabilities(faces)[FER2013]
    trained = checkpoint.load(teacher / 'best.ckpt')
    module = Classifier(trained.recipe, trained.mean, trained.std).eval()
    module.network.load_state_dict(trained.network.state_dict())
    at_48 = torch.nn.functional.interpolate(faces, size=(48, 48), mode='bilinear')
    with torch.no_grad():
        torch.testing.assert_close(taught, module(at_48).softmax(dim=1))
    assert teachers.load(Recipe('x')) is None


def test_an_exported_file_teaches_what_the_robot_sees():
    """It gets augmented faces at 227 pixels, with the statistics of its manifest."""
    recipe = Recipe('x', distill=DistillConfig((str(SHIPPED),), temperature=2.0))
    images = np.random.default_rng(3).integers(60, 200, (5, 48, 48), np.uint8)
    taught = teachers.load(recipe).probabilities(augment.to_unit(torch.from_numpy(images)))
    opened = predict.open_model(SHIPPED, 1)
    logits = predict.predict_logits(opened.run, images, opened.spec, 'test')
    assert taught.keys() == {FER2013, FERPLUS}
    for labels, probabilities in taught.items():
        expected = (torch.from_numpy(logits[labels]).float() / 2).softmax(dim=1)
        # Resized by torch here and by OpenCV there, int8 within.
        torch.testing.assert_close(probabilities, expected, atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ('name', 'message'),
    [('nowhere', 'no checkpoint at nowhere'), ('nowhere.onnx', 'nowhere.json')],
)
def test_missing_teacher_is_one_sentence(train, capsys, name, message):
    assert train('orphan', f'distill.teachers=[{name}]') == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count('\n') == 1


def shifted_votes(path: Path, made_rows, shift: int) -> Path:
    """Votes of ten annotators who all see each class as the one `shift` places further."""
    votes = np.zeros((len(made_rows), 10), int)
    for row, (label, _, _) in zip(votes, made_rows, strict=True):
        row[FER2013_COLUMNS[(label + shift) % 7]] = 10
    lines = [','.join(COLUMNS), *(','.join(map(str, row)) for row in votes)]
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_votes_win_over_the_labels_they_contradict(made_rows, folder, train, capsys):
    words = ('--ferplus', str(shifted_votes(folder / 'next.csv', made_rows, 1)))
    assert train('votes', 'data.ferplus=1', 'optim.lr=0.05', words=words) == 0
    lines = curves.read(folder / 'votes/history.csv')
    assert lines[-1].train_loss < lines[0].train_loss - 0.5
    assert lines[-1].val_acc < 0.2, 'it must have learnt the neighbouring class'
    assert train('refused', 'data.ferplus=1') == 1
    assert 'give --ferplus the path' in capsys.readouterr().err


def test_plateau_cuts_and_early_stopping_ends_resumed_like_whole(folder, train):
    switches = (
        'optim={name: adamw, lr: 1.0e-6, schedule: plateau, plateau_patience: 0}',
        'model={batch_norm: false, fc_ranks: [8, 8]}',
        'data.limit=14',
        'train.patience=4',
        'train.phases=[{epochs: 1, size: 67}, {epochs: 9, size: 63}]',
    )
    assert train('plateau', *switches) == 0
    whole = curves.read(folder / 'plateau/history.csv')
    # Nothing is learnt: one first epoch at the last size, four without a gain.
    assert [line.size for line in whole] == [67, 63, 63, 63, 63, 63]
    assert [line.lr / 1e-6 for line in whole] == pytest.approx([1, 1, 1, 0.5, 0.25, 0.125])
    assert train('halves', *switches, words=('--stop-after', '4')) == 0
    assert len(curves.read(folder / 'halves/history.csv')) == 4
    assert train('halves', *switches, words=('--resume',)) == 0
    halves = curves.read(folder / 'halves/history.csv')
    assert [(line.epoch, line.lr) for line in halves] == [(line.epoch, line.lr) for line in whole]


TWO_LAST_LAYERS = (
    'model={arch: alexnet, votes: true, dropout: 0, fc_ranks: [8, 8]}',
    'data.ferplus=0.5',
    'optim={name: adam, lr: 0.001}',
    'train.phases=[{epochs: 3, size: 63, mixup: 0.2}, {epochs: 5, size: 63}]',
)


@pytest.fixture(scope='module')
def two_last_layers(made_rows, folder, train) -> Path:
    """A run whose votes name the class before the label."""
    words = ('--ferplus', str(shifted_votes(folder / 'previous.csv', made_rows, -1)))
    assert train('two', *TWO_LAST_LAYERS, words=words) == 0
    return folder / 'two'


def predictions_on_public_test(run: Path, made_csv, folder):
    """The labels, and the classes that each last layer of a run names."""
    public = data.load(made_csv, folder / 'cache')['PublicTest']
    opened = predict.open_model(run / 'last.ckpt', None)
    logits = predict.predict_logits(opened.run, public.images, opened.spec, 'x')
    return public.labels, logits[FER2013].argmax(axis=1), logits[FERPLUS].argmax(axis=1)


def test_two_last_layers_learn_two_opinions(two_last_layers, made_csv, folder):
    lines = curves.read(two_last_layers / 'history.csv')
    # A last layer that only one opinion had taught would be wrong about every other image.
    assert lines[-1].train_loss < 0.5 < lines[0].train_loss
    labels, usual, voted = predictions_on_public_test(two_last_layers, made_csv, folder)
    assert (usual == labels).mean() >= 0.5
    assert (voted == (labels - 1) % 7).mean() >= 0.5


def test_teachers_with_two_last_layers_teach_both(
    two_last_layers, made_rows, made_csv, folder, train
):
    # The student's own labels and votes say otherwise, and have no weight.
    votes = str(shifted_votes(folder / 'next.csv', made_rows, 1))
    taught = (f'distill.teachers=["{two_last_layers / "last.ckpt"}"]', 'distill.weight=1', 'seed=6')
    assert train('heir', *TWO_LAST_LAYERS, *taught, words=('--ferplus', votes)) == 0
    labels, usual, voted = predictions_on_public_test(folder / 'heir', made_csv, folder)
    assert (usual == labels).mean() >= 0.5
    assert (voted == (labels - 1) % 7).mean() >= 0.5


def test_only_label_sets_that_all_teachers_have_are_taught(two_last_layers, teacher):
    recipe = Recipe('x', distill=DistillConfig((str(two_last_layers), str(teacher))))
    taught = teachers.load(recipe).probabilities(torch.rand(3, 1, 60, 60))
    assert taught.keys() == {FER2013}


def test_two_last_layers_want_a_share_for_each(train, capsys):
    switches = ('model={arch: alexnet, votes: true}', 'data.ferplus=1.0')
    assert train('one', *switches) == 1
    assert 'data.ferplus, the share of the second in the loss' in capsys.readouterr().err


def test_a_phase_may_have_a_mixup_of_its_own():
    recipe = Recipe(
        'x',
        augment=AugmentConfig(mixup=0.3),
        train=TrainConfig(phases=(Phase(2, 48), Phase(1, 48, mixup=0.0), Phase(1, 48, mixup=1.0))),
    )
    assert [recipe.mixup_at(epoch) for epoch in range(4)] == [0.3, 0.3, 0.0, 1.0]


def test_bf16_keeps_weights_and_loss_in_fp32(folder, train):
    short = ('train.phases=[{epochs: 1, size: 48}]', 'data.limit=28')
    switches = (*short, 'train.precision=bf16', 'augment.mixup=0.2', 'augment.erase=0.3')
    assert train('bf16', *switches, 'train.class_weights=true', 'optim.name=adam') == 0
    assert np.isfinite([line.train_loss for line in curves.read(folder / 'bf16/history.csv')]).all()
    network = checkpoint.load(folder / 'bf16/last.ckpt').network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_bf16_runs_the_network_in_bfloat16_and_predicts_nearly_alike():
    faces = torch.rand(4, 1, 48, 48)
    logits, kinds = [], []
    for precision in ('fp32', 'bf16'):
        torch.manual_seed(1)
        model = ModelConfig(arch='small_cnn')
        module = Classifier(
            Recipe('x', model=model, train=TrainConfig(precision=precision)), 0.5, 0.2
        )
        layer = module.eval().network.features[0]
        layer.register_forward_hook(lambda *call: kinds.append(call[2].dtype))
        with torch.no_grad():
            logits.append(module(faces))
    assert kinds == [torch.float32, torch.bfloat16]
    assert logits[1].dtype == torch.float32
    torch.testing.assert_close(logits[1], logits[0], atol=0.02, rtol=0.05)


@pytest.mark.parametrize(('name', 'kind'), [('sgd', 'SGD'), ('adam', 'Adam'), ('adamw', 'AdamW')])
def test_optimiser_by_name(name, kind):
    optim = OptimConfig(name=name, schedule='plateau')
    recipe = Recipe('x', model=ModelConfig(arch='mini_xception'), optim=optim)
    optimizer = Classifier(recipe, 0.5, 0.2).configure_optimizers()['optimizer']
    assert type(optimizer).__name__ == kind
    assert [group['weight_decay'] for group in optimizer.param_groups] == [5e-4, 0.0]
    assert optimizer.param_groups[0].get('nesterov', True)
