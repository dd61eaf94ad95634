"""Reading FER-2013: both layouts, the cache, and one clear sentence for each kind of bad input."""

import bz2
import gzip
import lzma
import zipfile

import cv2
import numpy as np
import pytest

from training.cli import main
from training.dataset import data
from training.errors import TrainingError


def test_csv_gives_the_written_pixels(made_csv, made_rows, tmp_path):
    dataset = data.load(made_csv, tmp_path)
    assert {name: len(dataset[name]) for name in data.SPLITS} == {
        'Training': 70,
        'PublicTest': 21,
        'PrivateTest': 21,
    }
    np.testing.assert_array_equal(dataset['Training'].images[3], made_rows[3][1])
    assert dataset['PublicTest'].labels[4] == made_rows[74][0]
    assert dataset['PublicTest'].rows[4] == 74


def test_compressed_csv_equals_plain_one(made_csv, tmp_path):
    packed = tmp_path / 'fer2013.csv.xz'
    packed.write_bytes(lzma.compress(made_csv.read_bytes(), preset=0))
    plain, unpacked = data.load(made_csv, tmp_path), data.load(packed, tmp_path)
    np.testing.assert_array_equal(plain['Training'].images, unpacked['Training'].images)


def test_second_reading_takes_the_cache_and_a_changed_file_does_not(made_csv, tmp_path, capfd):
    copy = tmp_path / 'copy.csv'
    copy.write_bytes(made_csv.read_bytes())
    data.load(copy, tmp_path / 'cache')
    capfd.readouterr()
    assert isinstance(data.load(copy, tmp_path / 'cache')['Training'].images, np.memmap)
    assert 'reading' not in capfd.readouterr().err
    lines = copy.read_text().splitlines(keepends=True)
    copy.write_text(''.join(lines[:-1]))
    assert len(data.load(copy, tmp_path / 'cache')['PrivateTest']) == 20


def test_folder_layout(made_rows, tmp_path):
    for number, (label, image, usage) in enumerate(made_rows[60:80]):
        part = 'train' if usage == 'Training' else 'test'
        folder = tmp_path / 'fer' / part / data.EMOTION_NAMES[label].lower()
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    dataset = data.load(tmp_path / 'fer', tmp_path / 'cache')
    assert [len(dataset[name]) for name in data.SPLITS] == [10, 10, 0]
    training = dataset['Training']
    for image, label in zip(training.images, training.labels, strict=True):
        assert any(label == row[0] and np.array_equal(image, row[1]) for row in made_rows[60:80])


def packed(made_csv, path):
    content = made_csv.read_bytes()
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('fer2013/fer2013.csv', content)
            archive.writestr('__MACOSX/._fer2013.csv', b'x')
        return path
    pack = {'.gz': gzip.compress, '.bz2': bz2.compress}[path.suffix]
    path.write_bytes(pack(content))
    return path


@pytest.mark.parametrize('suffix', ['.gz', '.bz2', '.zip'])
def test_packed_csvs_equal_the_plain_one(made_csv, tmp_path, suffix):
    plain = data.load(made_csv, tmp_path)
    unpacked = data.load(packed(made_csv, tmp_path / f'fer2013.csv{suffix}'), tmp_path)
    for name in data.SPLITS:
        np.testing.assert_array_equal(plain[name].images, unpacked[name].images)
        np.testing.assert_array_equal(plain[name].rows, unpacked[name].rows)


def test_a_mark_of_excel_and_blank_lines_do_no_harm(made_csv, tmp_path):
    lines = made_csv.read_text().splitlines()
    marked = tmp_path / 'marked.csv'
    text = '\n'.join([*lines[:3], '', *lines[3:], '', ''])
    marked.write_text(text, encoding='utf-8-sig')
    plain, read = data.load(made_csv, tmp_path), data.load(marked, tmp_path)
    for name in data.SPLITS:
        np.testing.assert_array_equal(plain[name].rows, read[name].rows)


def test_other_packages_are_refused_by_their_kind(made_csv, tmp_path):
    path = tmp_path / 'fer2013.parquet'
    path.write_bytes(b'PAR1')
    with pytest.raises(TrainingError, match='is a Parquet file: write it as CSV first'):
        data.load(path, tmp_path)
    path = tmp_path / 'photos.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('train/happy/1.png', b'x')
    with pytest.raises(TrainingError, match='holds 0 CSV files instead of one: unpack it'):
        data.load(path, tmp_path)


def save(path, value, suffix='.png'):
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(suffix, np.full((48, 48), value, np.uint8))[1]
    path.write_bytes(encoded.tobytes())


@pytest.mark.parametrize(
    ('parts', 'sizes'),
    [
        (('train', 'test'), [1, 1, 0]),
        (('train', 'validation'), [1, 1, 0]),
        (('train', 'val', 'test'), [1, 1, 1]),
        (('images/train', 'images/validation'), [1, 1, 0]),
        (('Training', 'PublicTest', 'PrivateTest'), [1, 1, 1]),
    ],
)
def test_what_selects_and_what_is_final_are_kept_apart(tmp_path, parts, sizes):
    for number, part in enumerate(parts):
        save(tmp_path / 'fer' / part / 'happy' / '1.png', number)
    dataset = data.load(tmp_path / 'fer', tmp_path / 'cache')
    assert [len(dataset[name]) for name in data.SPLITS] == sizes


@pytest.mark.parametrize(
    ('names', 'label'),
    [(('anger', 'angry', '0'), 0), (('happiness', 'Happy', '3'), 3), (('sadness', '4'), 4)],
)
def test_classes_may_be_called_as_elsewhere(tmp_path, names, label):
    for name in names:
        save(tmp_path / 'fer/train' / name / '1.png', 5)
    labels = data.load(tmp_path / 'fer', tmp_path / 'cache')['Training'].labels
    assert labels.tolist() == [label] * len(names)


def test_links_and_formats_are_read_and_what_is_left_out_is_told(tmp_path, capfd):
    save(tmp_path / 'elsewhere/1.webp', 9, '.webp')
    save(tmp_path / 'fer/train/sad/1.tif', 9, '.tif')
    (tmp_path / 'fer/train/happy').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'fer/train/again').symlink_to(tmp_path / 'fer')  # no endless walk
    (tmp_path / 'fer/train/sad/._1.jpg').write_bytes(b'x')
    (tmp_path / 'fer/__MACOSX/train').mkdir(parents=True)
    (tmp_path / 'fer/__MACOSX/train/1.jpg').write_bytes(b'x')
    (tmp_path / 'fer/train/sad/2.heic').write_bytes(b'x')
    dataset = data.load(tmp_path / 'fer', tmp_path / 'cache')
    assert sorted(dataset['Training'].labels.tolist()) == [3, 4]
    out, told = capfd.readouterr()
    assert 'no images are left out: 1 .heic' in told
    assert 'no Training images of Angry, Disgust, Fear, Surprise, Neutral' in told
    assert [line.split() for line in out.splitlines() if line.startswith('Training')] == [
        ['Training', '0', '0', '0', '1', '1', '0', '0', '2']
    ]


PIXELS = ' '.join(['7'] * 2304)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'no column "emotion"'),
        ('emotion,pixel,Usage\n', 'no column "pixels"'),
        (f'emotion,pixels,Usage\n0,{PIXELS} 7,Training\n', 'row 2 has 2305 pixels instead of 2304'),
        (f'emotion,pixels,Usage\n0,{PIXELS},Training\n0,7,Training\n', 'row 3 has 1 pixels'),
        (f'emotion,pixels,Usage\n0,{PIXELS[:-1]}x,Training\n', 'not a number'),
        (f'emotion,pixels,Usage\n0,{PIXELS[:-1]}256,Training\n', 'outside 0..255'),
        (f'emotion,pixels,Usage\n7,{PIXELS},Training\n', 'unknown label "7"'),
        (f'emotion,pixels,Usage\nhappy,{PIXELS},Training\n', 'unknown label "happy"'),
        (f'emotion,pixels,Usage\n0,{PIXELS},Test\n', 'unknown Usage "Test"'),
        ('emotion,pixels,Usage\n0,7\n', 'row 2 has 2 of 3 columns'),
        (f'emotion,pixels,Usage\n0,{PIXELS},PublicTest\n', 'no Training rows'),
    ],
)
def test_bad_csv_is_one_clear_sentence(text, message, tmp_path):
    path = tmp_path / 'fer2013.csv'
    path.write_text(text)
    with pytest.raises(TrainingError, match=message) as error:
        data.load(path, tmp_path)
    assert '\n' not in str(error.value)


def test_truncated_xz(made_csv, tmp_path):
    path = tmp_path / 'fer2013.csv.xz'
    path.write_bytes(lzma.compress(made_csv.read_bytes(), preset=0)[:-4000])
    with pytest.raises(TrainingError, match='cannot be read'):
        data.load(path, tmp_path)


def test_bad_folders(tmp_path):
    with pytest.raises(TrainingError, match='no images'):
        data.load(tmp_path, tmp_path)
    folder = tmp_path / 'fer/train/bored'
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / '1.png'), np.zeros((48, 48), np.uint8))
    with pytest.raises(TrainingError, match='unknown label "bored"'):
        data.load(tmp_path / 'fer', tmp_path)
    folder = folder.rename(folder.with_name('happy'))
    cv2.imwrite(str(folder / '1.png'), np.zeros((40, 48), np.uint8))
    with pytest.raises(TrainingError, match='48x40 pixels'):
        data.load(tmp_path / 'fer', tmp_path)
    (folder / '1.png').write_bytes(b'broken')
    with pytest.raises(TrainingError, match='not a readable image'):
        data.load(tmp_path / 'fer', tmp_path)


def test_missing_file_ends_the_command_with_a_sentence(tmp_path, capsys):
    recipe = tmp_path / 'r.yaml'
    recipe.write_text('name: r\n')
    status = main(['train', '--data', str(tmp_path / 'no.csv'), '--recipe', str(recipe)])
    assert status == 1
    assert capsys.readouterr().err.startswith('error: no data at ')


def test_twins_and_statistics(made_csv, tmp_path):
    dataset = data.load(made_csv, tmp_path)
    twins = data.occur_in(dataset['PrivateTest'].images, dataset['Training'].images)
    assert twins.tolist() == [True] + [False] * 20
    images = np.asarray(dataset['Training'].images)
    mean, std = data.grey_statistics(images)
    assert mean == pytest.approx((images / 255).mean())
    assert std == pytest.approx((images / 255).std())
