"""The report on the data, and the FER+ votes it compares with."""

import numpy as np
import pytest

from training.cli import main
from training.dataset import data, ferplus
from training.dataset.explore import find_duplicates
from training.errors import TrainingError


def write_votes(path, rows):
    lines = [','.join(('Usage', 'Image name', *ferplus.COLUMNS))]
    lines += [f'Training,fer{n:07}.png,' + ','.join(map(str, row)) for n, row in enumerate(rows)]
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_duplicates_of_the_made_data(made_csv, tmp_path):
    found = find_duplicates(data.load(made_csv, tmp_path))
    assert (found.groups, found.surplus, found.conflicting, found.across) == (1, 2, 0, 1)
    assert found.twins == {'PublicTest': 1, 'PrivateTest': 1}


def test_report_with_votes(made_csv, made_rows, tmp_path, capsys):
    votes = np.zeros((len(made_rows), 10), int)
    for row, (label, _, _) in zip(votes, made_rows, strict=True):
        row[ferplus.FER2013_COLUMNS[label]] = 10
    words = ['explore', '--data', str(made_csv), '--cache', str(tmp_path), '--out', str(tmp_path)]
    path = write_votes(tmp_path / 'votes.csv', votes)
    assert main([*words, '--ferplus', str(path)]) == 0
    report = (tmp_path / 'report.md').read_text()
    assert '| Angry | 10 (14.3%) | 3 (14.3%) | 3 (14.3%) |' in report
    assert '| Angry | 16 | 100.0% | 0.0% | 0.0% |' in report
    for name in ('classes', 'samples', 'means'):
        assert (tmp_path / f'{name}.png').stat().st_size > 1000
    write_votes(path, votes[1:])
    assert main([*words, '--ferplus', str(path)]) == 1
    assert 'the FER+ file has 111 rows, the data set 112' in capsys.readouterr().err


def test_majority_drops_single_votes_and_needs_more_than_half():
    votes = np.array(
        [
            [5, 1, 1, 1, 1, 1, 0, 0, 0, 0],  # the single votes do not count
            [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # exactly half is no majority
            [0, 0, 0, 0, 0, 0, 0, 0, 2, 8],  # not a face
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
    )
    assert ferplus.majority(votes).tolist() == [0, ferplus.NO_MAJORITY, 9, ferplus.NO_MAJORITY]


def test_bad_votes_are_one_sentence(tmp_path):
    path = tmp_path / 'votes.csv'
    with pytest.raises(TrainingError, match='cannot be read'):
        ferplus.read_votes(path)
    path.write_text('Usage,neutral\n')
    with pytest.raises(TrainingError, match='no column "happiness"'):
        ferplus.read_votes(path)
    write_votes(path, [['x'] * 10])
    with pytest.raises(TrainingError, match='not a number'):
        ferplus.read_votes(path)
