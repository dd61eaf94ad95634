"""Recipes refuse what they cannot mean."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from training.config import OptimConfig, Phase, Recipe, TrainConfig
from training.errors import TrainingError
from training.fit.module import rate_factor
from training.recipe_files import parse, read_recipe
from training.weights import shipped

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'training/recipes'
RECIPES = sorted(FOLDER.rglob('*.yaml'))


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path):
    recipe = read_recipe(path)
    assert recipe.name == '_'.join(path.relative_to(FOLDER).with_suffix('').parts)
    # A short experiment and the teachers predict at their own size and are never shipped.
    own = {
        'short_experiment': 99,
        'teacher_efficientnet_lite0': 97,
        'teacher_resnet9': 48,
        'teacher_resnet9_wide': 48,
    }
    assert recipe.train.phases[-1].size == own.get(path.stem, 227)


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_files_that_a_recipe_names_are_those_it_can_begin_with(path):
    recipe = read_recipe(path)
    kept = [
        Path(name)
        for name in (*(recipe.distill.teachers or ()), *(recipe.distill.answers or ()))
        if not name.startswith('out/')
    ]
    assert all((ROOT / name).is_file() for name in kept)
    init = recipe.model.init or ''
    if init.endswith('.onnx'):
        trained = shipped.read(ROOT / init).model
        assert dataclasses.replace(trained, init=init, stride=recipe.model.stride) == recipe.model


def test_make_train_remakes_what_ships():
    line = re.search(r'^RECIPE \?= (\S+)$', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    manifest = json.loads((ROOT / 'models/emotion_alexnet.json').read_text())
    recipe = read_recipe(ROOT / line[1])
    assert recipe == parse(Recipe, manifest['training']['recipe'], 'the manifest')
    assert recipe.model.init is None


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('seed: 1', 'name'),
        ('[1]', 'must hold keys'),
        ('name: x\nlr: 1', 'unknown key "lr"'),
        ('name: x\noptim: {rate: 1}', 'unknown key "rate"'),
        ('name: x\noptim: {name: lion}', 'one of sgd, adam'),
        ('name: x\nseed: one', 'seed must be of type int'),
        ('name: x\nmodel: {fc_ranks: [1]}', 'must have 2 entries'),
        ('name: x\ntrain: {phases: 3}', 'must be a list'),
        ('name: x\nmodel: 3', 'must be a mapping'),
        ('name: [', 'not valid YAML'),
    ],
)
def test_bad_recipe_is_one_clear_sentence(text, message, tmp_path):
    path = tmp_path / 'r.yaml'
    path.write_text(text)
    with pytest.raises(TrainingError, match=message) as error:
        read_recipe(path)
    assert '\n' not in str(error.value)


def test_overrides_win_and_are_checked(tmp_path):
    path = tmp_path / 'r.yaml'
    path.write_text('name: x\noptim: {lr: 0.5}\n')
    recipe = read_recipe(path, ['optim.lr=1', 'train.phases=[{epochs: 2, size: 99}]'])
    assert recipe.optim.lr == 1.0
    assert recipe.train.phases == (Phase(2, 99),)
    with pytest.raises(TrainingError, match='unknown key "lrr"'):
        read_recipe(path, ['optim.lrr=1'])
    with pytest.raises(TrainingError, match='key=value'):
        read_recipe(path, ['optim.lr'])


def test_schedule_follows_the_work_of_the_phases(tmp_path):
    path = tmp_path / 'r.yaml'
    path.write_text('name: x\ntrain: {phases: [{epochs: 4, size: 100}, {epochs: 1, size: 200}]}\n')
    train = read_recipe(path).train
    assert [train.size_at(epoch) for epoch in range(5)] == [100, 100, 100, 100, 200]
    done = [(0, 0), (2, 0.25), (4, 0.5), (4.5, 0.75), (5, 1)]
    assert [train.cycle_at(epochs) for epochs, _ in done] == [(None, part) for _, part in done]


def test_a_phase_may_begin_a_cycle_of_the_learning_rate():
    phases = (
        Phase(1, 50),
        Phase(1, 100),
        Phase(2, 100, lr=0.02),
        Phase(2, 100),
        Phase(1, 50, lr=1),
    )
    recipe = Recipe(
        'x',
        optim=OptimConfig(lr=0.04, warmup=0.1, final_lr=0.01),
        train=TrainConfig(phases=phases),
    )
    assert recipe.train.cycle_at(1) == (None, 0.2)
    assert [recipe.train.cycle_at(e) for e in (2, 3, 5)] == [(0.02, 0), (0.02, 0.25), (0.02, 0.75)]
    assert recipe.train.cycle_at(7) == (1, 1)
    assert [recipe.train.begins_at(e) for e in range(7)] == [True] * 3 + [False] * 3 + [True]
    # A little before its end, at its height, and at the end of all.
    assert rate_factor(1.999, recipe) == pytest.approx(0.01, abs=1e-4)
    assert rate_factor(2.4, recipe) == pytest.approx(0.5)
    assert rate_factor(7, recipe) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ('[{epochs: 1, size: 48, lr: 0}]', 'train.phases: lr must be above 0, not 0'),
        ('[{epochs: 1, size: 48, lr: 0.1}]', 'optim.schedule must be cosine'),
    ],
)
def test_a_cycle_that_cannot_be_is_refused(tmp_path, changes, said):
    path = tmp_path / 'r.yaml'
    path.write_text('name: x\noptim: {schedule: plateau}\n')
    with pytest.raises(TrainingError, match=said):
        read_recipe(path, [f'train.phases={changes}'])
