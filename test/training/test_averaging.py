"""The averaged weights of a run: where they start, how they follow, what a checkpoint holds."""

from types import SimpleNamespace

import pytest
import torch

from training.config import ModelConfig, Phase, Recipe, TrainConfig
from training.fit.averaging import AveragedWeights, moved
from training.fit.module import Classifier

DECAY = 0.3


@pytest.fixture
def module() -> Classifier:
    train = TrainConfig(phases=(Phase(2, 48), Phase(1, 48, lr=0.1), Phase(1, 64)), ema_decay=DECAY)
    return Classifier(Recipe('x', model=ModelConfig(arch='small_cnn'), train=train), 0.5, 0.2)


@pytest.fixture
def averaged(module) -> AveragedWeights:
    callback = AveragedWeights(DECAY)
    callback.setup(trainer(), module, 'fit')
    return callback


def trainer(step: int = 0, epoch: int = 0) -> SimpleNamespace:
    strategy = SimpleNamespace(root_device=torch.device('cpu'))
    return SimpleNamespace(strategy=strategy, global_step=step, current_epoch=epoch)


def take_step(callback: AveragedWeights, module: Classifier, step: int) -> torch.Tensor:
    """Changes every value of the network; returns one of them."""
    for value in module.network.state_dict().values():
        value.add_(1)
    callback.on_train_batch_end(trainer(step), module, None, None, 0)
    return weight(module.state_dict())


def weight(state: dict[str, torch.Tensor]) -> torch.Tensor:
    return state['network.classifier.1.weight'].clone()


def saved(callback: AveragedWeights, module: Classifier) -> dict[str, dict[str, torch.Tensor]]:
    checkpoint = {'state_dict': module.state_dict()}
    callback.on_save_checkpoint(trainer(), module, checkpoint)
    return checkpoint


def test_the_average_starts_with_the_run_and_follows_quickly_at_first(averaged, module):
    expected = weight(module.state_dict())
    assert torch.equal(weight(saved(averaged, module)['state_dict']), expected)
    for step, kept in ((1, 2 / 11), (2, 3 / 12), (3, DECAY), (4, DECAY)):
        expected = expected.lerp(take_step(averaged, module, step), 1 - kept)
        torch.testing.assert_close(weight(saved(averaged, module)['state_dict']), expected)
    content = saved(averaged, module)
    assert torch.equal(weight(content['current_model_state']), weight(module.state_dict()))
    counters = [value for value in content['state_dict'].values() if value.dtype == torch.int64]
    assert counters
    assert all(int(counter) == 4 for counter in counters)


def test_the_average_begins_anew_where_the_size_or_the_cycle_changes(averaged, module):
    for step in range(1, 6):
        take_step(averaged, module, step)
    for epoch, kept in ((1, DECAY), (2, 2 / 11), (3, 2 / 11)):
        averaged.on_train_epoch_start(trainer(5, epoch), module)
        before = weight(saved(averaged, module)['state_dict'])
        after = take_step(averaged, module, 5 + epoch)
        expected = before.lerp(after, 1 - kept)
        torch.testing.assert_close(weight(saved(averaged, module)['state_dict']), expected)


def test_counters_are_copied_and_the_decay_is_the_limit():
    assert torch.equal(moved(0.9, torch.tensor(3), torch.tensor(7), 1), torch.tensor(7))
    assert float(moved(0.9, torch.tensor(0.0), torch.tensor(1.0), 10_000)) == pytest.approx(0.1)
