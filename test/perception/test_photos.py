"""Photos as phones and browsers leave them: HEIC, AVIF, JFIF, animations among them."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, features

from emotion_perception.cli.main import main
from emotion_perception.errors import SourceError
from emotion_perception.sources import open_source
from emotion_perception.sources.image_files import read_image_file

needs_heic = pytest.mark.skipif(not find_spec('pillow_heif'), reason='make heic-env')
needs_avif = pytest.mark.skipif(not features.check('avif'), reason='Pillow is older than 11.3')
TURNED = 6  # EXIF: to be turned by 90 degrees clockwise
# The first bytes of a HEIC file; nobody looks further without the package.
HEIC = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(100)
HOW_TO_GET_IT = '`pip install pillow-heif`'


def picture() -> Image.Image:
    """96x64, red on the left, blue on the right."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48, 0] = 255
    pixels[:, 48:, 2] = 255
    return Image.fromarray(pixels)


def save(path, **options):
    if path.suffix in ('.heic', '.hif'):
        import pillow_heif

        pillow_heif.register_heif_opener()
        options['format'] = 'HEIF'
    exif = Image.Exif()
    exif[0x0112] = TURNED
    picture().save(path, exif=exif.tobytes(), **options)
    return path


def save_animation(path, count=3):
    frames = [picture().rotate(15 * number) for number in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    return path


def without_heic(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        pytest.param('a.heic', {}, marks=needs_heic),
        pytest.param('a.hif', {}, marks=needs_heic),
        pytest.param('a.avif', {}, marks=needs_avif),
        ('a.jfif', {'format': 'JPEG'}),
        ('a.jpe', {'format': 'JPEG'}),
    ],
)
def test_a_phone_photo_is_upright(name, options, tmp_path):
    image = read_image_file(save(tmp_path / name, **options))
    assert image.shape == (96, 64, 3)
    np.testing.assert_allclose(image[10, 32], (0, 0, 255), atol=12)  # BGR: red is above
    np.testing.assert_allclose(image[-10, 32], (255, 0, 0), atol=12)


@needs_heic
def test_a_heic_photo_that_was_renamed_is_known_by_its_bytes(tmp_path):
    path = save(tmp_path / 'a.heic').rename(tmp_path / 'a.jpg')
    assert read_image_file(path).shape == (96, 64, 3)
    with open_source(str(path.rename(tmp_path / 'photo'))) as source:
        assert [frame.image.shape for frame in source] == [(96, 64, 3)]


@pytest.mark.parametrize(
    'name', [pytest.param('a.heic', marks=needs_heic), pytest.param('a.avif', marks=needs_avif)]
)
def test_a_photo_that_was_cut_off_is_damaged(name, tmp_path):
    path = save(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match='is damaged: '):
        read_image_file(path)


@pytest.mark.parametrize('name', ['a.heic', 'a.jpg'])
def test_without_the_package_the_way_to_it_is_told(name, tmp_path, monkeypatch):
    without_heic(monkeypatch)
    (tmp_path / name).write_bytes(HEIC)
    with pytest.raises(SourceError) as caught:
        read_image_file(tmp_path / name)
    assert str(caught.value).endswith(
        f'cannot be read: HEIC needs the package pillow-heif: {HOW_TO_GET_IT}.'
    )


def test_an_old_pillow_is_told_what_avif_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(features, 'check', lambda feature: False)
    (tmp_path / 'a.avif').write_bytes(HEIC.replace(b'heic', b'avif'))
    with pytest.raises(SourceError, match=r'AVIF needs Pillow 11\.3 or newer'):
        read_image_file(tmp_path / 'a.avif')


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_an_animation_is_no_photo_and_one_image_is(suffix, tmp_path):
    assert read_image_file(save_animation(tmp_path / f'still{suffix}', 1)).shape == (64, 96, 3)
    with pytest.raises(SourceError, match='is an animation: use `emotion video` for it'):
        read_image_file(save_animation(tmp_path / f'moving{suffix}'))


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A folder as a phone leaves it, on a machine without pillow-heif."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    save(folder / 'a.jpg')
    save_animation(folder / 'party.gif')
    save_animation(folder / 'dance.webp')
    for name in ('b.heic', 'c.HEIC'):
        (folder / name).write_bytes(HEIC)
    for name in ('b.MOV', 'a.xmp', '.hidden.txt'):
        (folder / name).write_bytes(b'x')
    without_heic(monkeypatch)
    return folder


LEFT_OUT = (
    '2 animations, which `emotion video` takes (dance.webp, party.gif); '
    'files that are no images (1 .MOV, 1 .xmp).'
)
HEIC_LEFT_OUT = f'2 images: HEIC needs the package pillow-heif: {HOW_TO_GET_IT}'


def test_emotion_image_says_what_it_leaves_out_of_a_folder(mixed, capfd):
    assert main(['image', str(mixed)]) == 1
    out, err = capfd.readouterr()
    assert out.splitlines() == [f'{mixed}/a.jpg  no face']
    assert err.splitlines() == [
        f'warning: Folder {mixed}: left out are {LEFT_OUT}',
        f'error: Folder {mixed}: left out are {HEIC_LEFT_OUT}.',
    ]


def test_what_is_no_photo_is_no_error(mixed, capfd):
    for path in mixed.glob('*.[hH]*'):
        path.unlink()
    assert main(['image', str(mixed)]) == 0
    assert capfd.readouterr().err == f'warning: Folder {mixed}: left out are {LEFT_OUT}\n'


def test_a_folder_as_a_stream_says_the_same(mixed, caplog):
    with open_source(str(mixed)) as source:
        assert len(list(source)) == 1
        assert source.skipped == 0
    assert caplog.messages == [f'Folder {mixed}: left out are {HEIC_LEFT_OUT}; {LEFT_OUT}']
    (mixed / 'a.jpg').unlink()
    with pytest.raises(SourceError, match=r'has no images that can be read: there are 2 images: '):
        open_source(str(mixed))


def test_annotated_photos_of_phones_become_jpeg(tmp_path, capfd):
    path = save(tmp_path / 'a.jfif', format='JPEG')
    assert main(['image', str(path), '-o', str(tmp_path / 'out')]) == 0
    assert [each.name for each in (tmp_path / 'out').iterdir()] == ['a.jpg']
