"""Images in less light, and what a model makes of them with and without correction."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotion_perception.inference.preprocessing import Exposure, Preprocessing
from emotion_perception.labels import FER2013, FERPLUS
from training.cli import main
from training.dataset.data import Split
from training.scoring import darkness, darkness_report
from training.scoring.darkness import BRIGHTNESSES, NOISES, Noise
from training.scoring.predict import Opened

MODEL = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'


def test_darkening_scales_and_rounds():
    images = np.array([0, 10, 15, 250], np.uint8).reshape(1, 2, 2)
    dark = darkness.darken(images, 0.3, NOISES['none'])
    assert dark.dtype == np.uint8
    assert dark.ravel().tolist() == [0, 3, 4, 75]


def test_noise_has_the_variance_that_is_said_and_is_the_same_twice():
    images = np.full((20, 48, 48), 200, np.uint8)
    noise = Noise(2, 0.1)
    dark = darkness.darken(images, 0.5, noise)
    # Rounding to whole grey values adds a twelfth.
    assert dark.var() == pytest.approx(4 + 0.1 * 100 + 1 / 12, rel=0.03)
    assert dark.mean() == pytest.approx(100, abs=0.1)
    np.testing.assert_array_equal(dark, darkness.darken(images, 0.5, noise))


def bright_half(faces):
    """Happy where the upper half is clearly brighter, else Neutral; FER+: always Neutral."""
    upper, lower = np.split(faces[:, 0], 2, axis=1)
    happy = upper.mean(axis=(1, 2)) > lower.mean(axis=(1, 2)) + 0.5
    logits = np.zeros((len(faces), 7), np.float32)
    logits[np.arange(len(faces)), np.where(happy, 3, 6)] = 1
    return {FER2013: logits, FERPLUS: np.eye(7, dtype=np.float32)[[6] * len(faces)]}


@pytest.fixture
def split() -> Split:
    images = np.full((6, 48, 48), 60, np.uint8)
    images[:, :24] = 200
    return Split('PublicTest', images, np.array([3] * 6), np.arange(6))


def test_each_light_is_scored_with_and_without_correction(split):
    spec = Preprocessing(input_size=48, mean=0.5, std=0.25, exposure=Exposure())
    votes = np.zeros((6, 10), np.int64)
    votes[:, 1] = 10  # all annotators say happy, which is right on the original labels alone
    results = darkness.score(Opened(bright_half, spec), split, votes)
    assert len(results) == 2 * len(BRIGHTNESSES) * len(NOISES)
    right = {(r.corrected, r.noise, r.brightness): r.original.value for r in results}
    assert [right[True, 'none', each] for each in BRIGHTNESSES] == [1, 1, 1]
    assert [right[False, 'none', each] for each in BRIGHTNESSES] == [1, 1, 0]
    assert {r.ferplus.hits for r in results} == {0}
    text = darkness_report.section(results, 'PublicTest')
    assert '| as they are | none | 0.1 | 0.00% (n = 6) | 0.00% (n = 6) |' in text
    assert '0.1: 100.00% (n = 6)' in darkness_report.summary(results)


def test_a_model_without_correction_is_scored_once(split):
    spec = Preprocessing(input_size=48, mean=0.5, std=0.25)
    results = darkness.score(Opened(bright_half, spec), split, None)
    assert len(results) == len(BRIGHTNESSES) * len(NOISES)
    assert not any(result.corrected for result in results)
    assert all(result.ferplus is None for result in results)
    assert '| - |' in darkness_report.section(results, 'PublicTest')


def test_the_command_reports_it(made_csv, tmp_path, capsys):
    words = ['--data', str(made_csv), '--cache', str(tmp_path / 'cache'), '--threads', '1']
    words += ['--model', str(MODEL), '--out', str(tmp_path / 'out'), '--dark']
    assert main(['evaluate', *words]) == 0
    assert 'accuracy by brightness, without noise: 1: ' in capsys.readouterr().out
    dark = json.loads((tmp_path / 'out/scores.json').read_text())['dark']
    assert [entry['original'][1] for entry in dark] == [21] * 18
    assert '## In a dim room' in (tmp_path / 'out/report.md').read_text()
