"""A teacher's predictions in a file: what it holds, what is learnt from it, what is refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_perception.inference.manifest import sha256_of
from emotion_perception.labels import FER2013, FERPLUS
from training import checkpoint
from training.cli import main
from training.config import DataConfig, DistillConfig, ModelConfig, Recipe, TrainConfig
from training.dataset import augment, data
from training.dataset.ferplus import COLUMNS, FER2013_COLUMNS
from training.errors import TrainingError
from training.fit import curves, teachers
from training.fit.module import Classifier
from training.fit.train import training_split
from training.models import logits_by_label_set, planes
from training.teaching import predictions, record
from training.teaching.posterior import with_votes

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / 'models/emotion_alexnet.onnx'
KEPT = sorted((ROOT / 'training/teachers').glob('*.npz'))
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
    path = tmp_path_factory.mktemp('teach')
    (path / 'tiny.yaml').write_text(RECIPE)
    return path


@pytest.fixture(scope='module')
def dataset(folder, made_csv) -> data.Dataset:
    return data.load(made_csv, folder / 'cache')


@pytest.fixture(scope='module')
def command(folder, made_csv):
    def run(name: str, *words: str) -> int:
        places = ['--data', str(made_csv), '--cache', str(folder / 'cache')]
        return main([name, *places, '--threads', '1', *words])

    return run


@pytest.fixture(scope='module')
def train(folder, command):
    def run(name: str, *switches: str, words: tuple[str, ...] = ()) -> int:
        recipe = ['--recipe', str(folder / 'tiny.yaml'), '--run', str(folder / name)]
        changes = [word for switch in switches for word in ('--set', switch)]
        return command('train', *recipe, '--no-progress', *changes, *words)

    return run


@pytest.fixture(scope='module')
def teacher(folder, train) -> Path:
    assert train('teacher') == 0
    return folder / 'teacher'


@pytest.fixture(scope='module')
def taught(teacher, folder, command) -> Path:
    """The teacher's predictions as they are and mirrored."""
    path = folder / 'predictions/teacher.npz'
    assert command('teach', '--model', str(teacher), '--out', str(path), '--views', '2') == 0
    return path


def made(folder: Path, name: str, dataset: data.Dataset, classes: dict[str, np.ndarray]) -> Path:
    """A file of a teacher that is sure of one class for each image and label set."""
    logs = {
        labels: predictions.logarithms(0.99 * np.eye(7)[wanted] + 0.01 / 7)
        for labels, wanted in classes.items()
    }
    predictions.write(folder / name, predictions.Predictions(logs, {}), dataset['Training'])
    return folder / name


def test_a_file_holds_the_mean_over_the_views(taught, teacher, dataset):
    trained = checkpoint.load(teacher / 'best.ckpt')
    unit = augment.to_unit(torch.from_numpy(np.array(dataset['Training'].images)))
    with torch.inference_mode():
        views = [
            logits_by_label_set(
                trained.network,
                planes((faces - trained.mean) / trained.std, trained.recipe.model),
            )[FER2013].softmax(dim=1)
            for faces in (unit, unit.flip(3))
        ]
    expected = torch.stack(views).mean(dim=0).numpy()
    found = np.exp(predictions.read(taught).logs[FER2013].astype(float))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (views[0] - views[1]).abs().max() > 0.01, 'or one view would do'


def test_a_file_says_whose_predictions_it_holds(taught, teacher):
    facts = predictions.read(taught).facts
    (told,) = facts['teachers']
    assert told['teacher'] == 'tiny'
    assert told['teacher_sha256'] == sha256_of(teacher / 'best.ckpt')
    assert (told['size'], facts['views'], facts['pictures']) == (48, 2, 70)


def test_the_shipped_file_can_teach_both_label_sets(folder, dataset):
    done = record.record([SHIPPED], dataset, folder / 'shipped.npz', views=1, threads=1)
    found = predictions.read(folder / 'shipped.npz')
    assert set(found.logs) == {FER2013, FERPLUS}
    assert found.facts['teachers'][0]['teacher_sha256'] == sha256_of(SHIPPED)
    assert (done.images, done.size) == (70, done.path.stat().st_size)
    for values in found.logs.values():
        np.testing.assert_allclose(np.exp(values.astype(float)).sum(axis=1), 1, atol=0.01)


@pytest.fixture(scope='module')
def halves(folder, train) -> list[Path]:
    """Two runs, each without the half that it shall teach."""
    assert train('half1', 'data.fold=[1, 2]') == train('half2', 'data.fold=[2, 2]') == 0
    return [folder / 'half1', folder / 'half2']


def test_folds_share_the_images_out_and_equal_images_stay_together(dataset):
    images = np.concatenate([dataset['Training'].images[:20]] * 2)
    parts = np.array([data.in_fold(images, (number, 3)) for number in (1, 2, 3)])
    assert (parts.sum(axis=0) == 1).all() and parts.any(axis=1).all()
    assert (parts[:, :20] == parts[:, 20:]).all()


def test_each_image_is_taught_by_the_run_that_left_it_out(halves, dataset, folder, command):
    paths = [folder / name for name in ('cross.npz', 'first.npz', 'second.npz')]
    words = ('--views', '1', '--out', str(paths[0]), '--model', *map(str, halves))
    assert command('teach', *words) == 0
    for run, path in zip(halves, paths[1:], strict=True):
        # The same weights, told that they learnt from everything.
        other = folder / f'{run.name}_whole'
        shutil.copytree(run, other)
        recipe = (other / 'recipe.yaml').read_text()
        (other / 'recipe.yaml').write_text(
            re.sub(r'fold:(\s*- \d)+|fold: \[.*\]', 'fold: null', recipe)
        )
        record.record([other], dataset, path, views=1, threads=1)
    cross, first, second = (predictions.read(path).logs[FER2013] for path in paths)
    left_out = data.in_fold(dataset['Training'].images, (1, 2))
    np.testing.assert_array_equal(cross, np.where(left_out[:, None], first, second))
    assert (first != second).any()


def test_votes_make_a_prediction_of_the_labels_better_and_leave_the_votes_own(
    halves, folder, command, made_votes
):
    models = ('--model', *map(str, halves), '--views', '1')
    paths = {name: folder / f'{name}.npz' for name in ('alone', 'voted')}
    assert command('teach', *models, '--out', str(paths['alone'])) == 0
    words = ('--out', str(paths['voted']), '--ferplus', str(made_votes))
    assert command('teach', *models, *words) == 0
    assert predictions.read(paths['voted']).facts['with_votes']


def test_a_part_that_no_run_teaches_and_labels_by_heart_are_refused(
    halves, taught, teacher, folder, command, made_votes, capsys
):
    out = ('--out', str(folder / 'refused.npz'), '--views', '1')
    assert command('teach', '--model', str(halves[0]), *out) == 1
    assert 'give a run for every part of data.fold' in capsys.readouterr().err
    assert command('teach', '--model', str(teacher), *out, '--ferplus', str(made_votes)) == 1
    assert 'left out what they teach (data.fold)' in capsys.readouterr().err
    assert not (folder / 'refused.npz').exists()


def test_a_posterior_believes_whom_the_labels_agree_with():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 7, 4000)
    votes = np.zeros((4000, 10), np.int64)
    columns = np.array(FER2013_COLUMNS)[np.where(generator.random(4000) < 0.7, labels, 0)]
    votes[np.arange(4000), columns] = 10
    told = np.where(generator.random(4000) < 0.6, labels, generator.integers(0, 7, 4000))
    predicted = 0.6 * np.eye(7)[told] + 0.4 / 7
    found = with_votes(predicted, votes, labels)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    both = (found.argmax(axis=1) == labels).mean()
    assert both > max(
        (told == labels).mean(), (columns == np.array(FER2013_COLUMNS)[labels]).mean()
    )


def test_warped_views_are_the_same_every_time():
    first, second = (
        torch.stack(list(record._affines(3, 4, torch.Generator().manual_seed(0)))) for _ in '12'
    )
    assert torch.equal(first, second)
    still = torch.eye(2, 3)
    assert torch.equal(first[0, 1], still)
    assert torch.equal(first[1, 1], still * torch.tensor([-1.0, 1, 1]))
    assert (first[2:] - first[:2]).abs().max() > 0.01


@pytest.mark.parametrize('mixup', [0, 0.4])
def test_a_student_learns_from_a_file_without_any_label(taught, folder, train, mixup):
    name = f'student{mixup}'
    switches = ('distill.weight=1', 'distill.temperature=2', 'seed=6', f'augment.mixup={mixup}')
    assert train(name, f'distill.answers=["{taught}"]', *switches) == 0
    lines = curves.read(folder / name / 'history.csv')
    assert lines[-1].train_loss < lines[0].train_loss / 2
    assert lines[-1].val_acc >= 0.5
    assert checkpoint.load(folder / name / 'best.ckpt').recipe.distill.answers == (str(taught),)


@pytest.fixture(scope='module')
def made_votes(folder, made_rows) -> Path:
    """Ten votes for Neutral on every image."""
    votes = np.zeros((len(made_rows), 10), int)
    votes[:, 0] = 10
    lines = [','.join(COLUMNS), *(','.join(map(str, row)) for row in votes)]
    (folder / 'votes.csv').write_text('\n'.join(lines) + '\n')
    return folder / 'votes.csv'


def test_both_last_layers_learn_from_a_file(dataset, folder, train, made_votes):
    """Each its own: the file says another class in each label set, the labels a third."""
    labels = dataset['Training'].labels
    classes = {FER2013: (labels + 2) % 7, FERPLUS: (labels + 3) % 7}
    path = made(folder, 'both.npz', dataset, classes)
    switches = (
        'model={arch: alexnet, votes: true, dropout: 0, fc_ranks: [8, 8]}',
        'data={ferplus: 0.5, drop_twins: true}',
        'optim={name: adam, lr: 0.001}',
        'train.phases=[{epochs: 8, size: 63}]',
        'distill.weight=1',
        'distill.temperature=1',
        f'distill.answers=["{path}"]',
    )
    assert train('both', *switches, words=('--ferplus', str(made_votes))) == 0
    trained = checkpoint.load(folder / 'both/last.ckpt')
    public = dataset['PublicTest']
    faces = augment.resize(augment.to_unit(torch.from_numpy(np.array(public.images))), 63)
    with torch.inference_mode():
        given = logits_by_label_set(
            trained.network, planes((faces - trained.mean) / trained.std, trained.recipe.model)
        )
    for name, shift in ((FER2013, 2), (FERPLUS, 3)):
        hits = given[name].argmax(dim=1).numpy() == (public.labels + shift) % 7
        assert hits.mean() > 0.5, name


@pytest.mark.parametrize('config', [DataConfig(drop_twins=True), DataConfig(limit=20)])
def test_rows_belong_to_the_images_that_a_recipe_takes(dataset, folder, config):
    numbered = np.arange(70)
    path = made(folder, 'numbered.npz', dataset, {FER2013: numbered * 3 % 7})
    recipe = Recipe(
        'x',
        data=config,
        train=TrainConfig(batch_size=14),
        distill=DistillConfig(answers=(str(path),), temperature=1.0),
    )
    split = training_split(recipe, dataset)
    assert len(split) < 70
    taught = teachers.load_predictions(recipe, dataset, split)
    first = {row: place for place, row in enumerate(dataset['Training'].rows.tolist())}
    expected = [first[row] * 3 % 7 for row in split.rows.tolist()]
    assert taught.probabilities.argmax(axis=1).tolist() == expected


def test_several_files_teach_their_mean_in_what_all_of_them_predict(dataset, folder):
    ones, twos = np.ones(70, int), np.full(70, 2)
    paths = [
        made(folder, 'ones.npz', dataset, {FER2013: ones, FERPLUS: ones}),
        made(folder, 'twos.npz', dataset, {FER2013: twos}),
    ]
    taught = predictions.for_split(paths, dataset, dataset['Training'], 2.0)
    assert taught.labels == (FER2013,)
    np.testing.assert_allclose(taught.probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(taught.probabilities[:, 1], taught.probabilities[:, 2], atol=1e-6)
    alone = predictions.for_split(paths[:1], dataset, dataset['Training'], 2.0)
    assert alone.labels == (FER2013, FERPLUS)
    # At temperature 2 the roots of 0.99 and six times 0.01 / 7.
    sure, unsure = (0.99 + 0.01 / 7) ** 0.5, (0.01 / 7) ** 0.5
    assert alone.probabilities[0, 1] == pytest.approx(sure / (sure + 6 * unsure), abs=1e-3)


def test_predictions_for_other_images_are_refused(taught, dataset, folder, train, capsys):
    other = dataset['Training'].select(np.arange(69, -1, -1))
    shuffled = data.Dataset(Path('made'), dataset.splits | {'Training': other})
    path = made(folder, 'other.npz', shuffled, {FER2013: other.labels})
    assert train('other', f'distill.answers=["{taught}", "{path}"]') == 1
    said = capsys.readouterr().err
    assert 'other.npz is for the Training images of another data set' in said
    assert said.count('\n') == 1
    assert not (folder / 'other').exists()


@pytest.mark.parametrize('path', KEPT, ids=lambda path: path.stem)
def test_kept_predictions_are_whole_and_small(path):
    kept = predictions.read(path)
    assert set(kept.logs) == {FER2013, FERPLUS}
    assert len(kept.logs[FER2013]) == kept.facts['pictures'] == 28_709
    assert path.stat().st_size < 2 * 2**20


def damaged(content: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**content, FER2013: content[FER2013][:, :6]}


@pytest.mark.parametrize(
    'change',
    [
        damaged,
        lambda content: {**content, FER2013: content[FER2013].astype(np.float32)},
        lambda content: {**content, FER2013: content[FER2013] * np.float16(np.nan)},
        lambda content: {**content, FERPLUS: content[FER2013][:9]},
        lambda content: {'facts': content['facts']},
        lambda content: {FER2013: content[FER2013]},
        lambda content: {**content, 'facts': np.array('no JSON')},
        lambda content: {**content, 'facts': np.array(json.dumps([1]))},
    ],
)
def test_a_damaged_file_is_one_sentence(taught, tmp_path, change):
    with np.load(taught) as content:
        arrays = change(dict(content))
    np.savez(tmp_path / 'x.npz', **arrays)
    with pytest.raises(TrainingError, match=r'x\.npz is damaged or no file of `teach`$'):
        predictions.read(tmp_path / 'x.npz')


@pytest.mark.parametrize('content', [b'', b'no archive', b'PK\x03\x04 cut'])
def test_another_kind_of_file_is_one_sentence(tmp_path, content):
    (tmp_path / 'x.npz').write_bytes(content)
    with pytest.raises(TrainingError, match=r'x\.npz is damaged or no file of `teach`$'):
        predictions.read(tmp_path / 'x.npz')


def test_a_missing_file_is_one_sentence(train, capsys):
    assert train('missing', 'distill.answers=[nowhere.npz]') == 1
    assert 'the predictions nowhere.npz cannot be read: No such file' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--model', 'nowhere.ckpt', '--out', 'x.npz'), 'no checkpoint at nowhere.ckpt'),
        (('--model', 'nowhere.txt', '--out', 'x.npz'), 'neither a .ckpt nor an .onnx'),
        (('--model', 'x.ckpt', '--out', 'x.txt'), '--out must end in .npz, not x.txt'),
        (('--model', 'x.ckpt', '--out', 'x.npz', '--views', '0'), '--views must be at least 1'),
    ],
)
def test_unusable_arguments_are_one_sentence(command, capsys, words, message):
    assert command('teach', *words) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count('\n') == 1


class _Sure:
    """A teacher who always sees one class."""

    def __init__(self, label: int) -> None:
        self.label = label

    def probabilities(self, faces: torch.Tensor) -> dict[str, torch.Tensor]:
        seen = torch.eye(7)[torch.full((len(faces),), self.label)]
        return {FER2013: seen, FERPLUS: seen}


def test_teachers_and_files_teach_together_and_each_counts_alike():
    distill = DistillConfig(('a',), ('b.npz', 'c.npz'), temperature=1.0, weight=1.0)
    recipe = Recipe('x', model=ModelConfig('mini_xception', dropout=0), distill=distill)
    module = Classifier(recipe, 0.5, 0.25, teacher=_Sure(1), taught=(FER2013,)).eval()
    faces = torch.rand(4, 1, 64, 64)
    files = torch.eye(7)[torch.full((4,), 2)]
    loss = module._loss(faces, torch.cat([torch.eye(7)[:4], files], dim=1))
    expected = -module(faces).log_softmax(dim=1) @ torch.tensor([0, 1.0, 2, 0, 0, 0, 0]) / 3
    entropy = -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3
    assert loss.item() == pytest.approx(expected.mean().item() - entropy, abs=1e-4)
    alone = Classifier(recipe, 0.5, 0.25, teacher=_Sure(1)).eval()
    assert alone._mean_of(alone._taught(faces), {}).keys() == {FER2013, FERPLUS}
