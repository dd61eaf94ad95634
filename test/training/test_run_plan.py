"""Several recipes in one command: each run after the other, and only what is missing made anew."""

import json
import shutil

import pytest

from training.cli import main
from training.fit import curves

RECIPE = """
name: {name}
seed: 5
model: {{fc_ranks: [8, 8]{init}}}
optim: {{lr: 0.02}}
train: {{batch_size: 14, phases: [{{epochs: {epochs}, size: 63}}]}}
"""


@pytest.fixture
def command(tmp_path, made_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = RECIPE.format(name='first', epochs=2, init='')
    second = RECIPE.format(name='second', epochs=1, init=', init: out/train/first')
    (tmp_path / 'first.yaml').write_text(first)
    (tmp_path / 'second.yaml').write_text(second)

    def run(*words: str) -> int:
        places = ['--data', str(made_csv), '--cache', str(tmp_path / 'cache')]
        return main(['train', *places, '--threads', '1', '--no-progress', *words])

    return run


def epochs(run) -> list[int]:
    return [line.epoch for line in curves.read(run / 'history.csv')]


def test_the_second_starts_from_the_first_and_what_is_lost_is_made_again(tmp_path, command):
    both = ('--recipe', 'first.yaml', 'second.yaml')
    runs = tmp_path / 'out/train'
    assert command(*both) == 0
    assert json.loads((runs / 'second/data.json').read_text())['init']['source'].startswith(
        'out/train/first'
    )
    kept = (runs / 'first/best.ckpt').read_bytes()
    shutil.rmtree(runs / 'second')
    assert command(*both, '--resume') == 0
    assert (runs / 'first/best.ckpt').read_bytes() == kept
    assert epochs(runs / 'first') == [1, 2]
    assert epochs(runs / 'second') == [1]


def test_a_run_that_is_in_the_way_is_told_before_the_first_begins(tmp_path, command, capsys):
    assert command('--recipe', 'first.yaml') == 0
    (tmp_path / 'out/train/first').rename(tmp_path / 'out/train/second')
    assert command('--recipe', 'first.yaml', 'second.yaml') == 1
    assert 'out/train/second already holds a run' in capsys.readouterr().err
    assert not (tmp_path / 'out/train/first').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('first.yaml', 'second.yaml', '--run', 'here'), '--run names the folder of one recipe'),
        (('first.yaml', 'first.yaml'), 'would share out/train/first'),
        (('first.yaml', 'second.yaml', '--resume'), 'nothing to resume'),
        (('first.yaml', 'second.yaml', '--stop-after', '1'), 'one recipe at a time'),
        (('first.yaml', 'second.yaml', '--devices', '2'), 'one recipe at a time'),
    ],
)
def test_what_several_recipes_cannot_do_is_one_sentence(words, message, command, capsys):
    assert command('--recipe', *words) == 1
    assert message in capsys.readouterr().err
