"""Small files that claim to be huge: refused in one sentence, before the memory is taken."""

import io
import json
import lzma
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from rosbags import rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from emotion_perception.bags import guard
from emotion_perception.bags.reader import BagReader, ros2_typestore
from emotion_perception.errors import BagError
from emotion_perception.inference.manifest import manifest_path_for
from emotion_perception.limits import MAX_MESSAGE_BYTES

GROWTH_MIB = 200
START = 1_700_000_000_000_000_000


@pytest.fixture
def refusal(child):
    """Runs a target that must refuse without taking memory; gives its sentence."""

    def run(target, content, **options):
        assert len(content) < 2 << 20
        outcome, text = child.run('bombs', target, content, max_growth_mib=GROWTH_MIB, **options)
        assert outcome == 'refused'
        return text

    return run


def png(width, height):
    def chunk(kind, content):
        return (
            struct.pack('>I', len(content))
            + kind
            + content
            + struct.pack('>I', zlib.crc32(kind + content))
        )

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        chunk(*pair) for pair in ((b'IHDR', header), (b'IDAT', pixels), (b'IEND', b''))
    )


def gif(width, height, frames):
    first, other = Image.new('L', (2, 2)), Image.new('L', (2, 2), 255)
    file = io.BytesIO()
    first.save(file, 'GIF', save_all=True, append_images=[other, first] * (frames // 2))
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack('<HH', width, height)
    return bytes(content)


def jpeg(width, height):
    content = bytearray(cv2.imencode('.jpg', np.zeros((8, 8, 3), np.uint8))[1])
    at = content.index(b'\xff\xc0')
    content[at + 5 : at + 9] = struct.pack('>HH', height, width)
    return bytes(content)


def webp(width, height):
    content = bytearray(cv2.imencode('.webp', np.zeros((8, 8, 3), np.uint8), [64, 50])[1])
    at = content.index(b'VP8 ') + 14
    content[at : at + 4] = struct.pack('<HH', width, height)
    return bytes(content)


@pytest.mark.parametrize(
    'content', [png(60000, 60000), png(16000, 16000), jpeg(60000, 60000), webp(16383, 16383)]
)
def test_compressed_images_of_too_many_pixels(refusal, content):
    assert 'is refused' in refusal('compressed_image', content, format='')
    assert 'is refused' in refusal('media', content, name='clip.png')


def test_animations_of_too_many_pixels(refusal):
    assert 'is refused' in refusal('media', gif(60000, 60000, 3), name='clip.gif')


def test_animations_of_too_many_large_frames(refusal):
    assert 'frames have' in refusal('media', gif(4000, 4000, 1000), name='clip.gif')


def test_a_jpeg_that_goes_over_the_image_a_thousand_times(refusal, image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', progressive=True)
    content = file.getvalue()
    last = content.rindex(b'\xff\xda')
    scan = content[last:-2]
    bomb = content[:last] + scan * 1000 + b'\xff\xd9'
    assert 'scans' in refusal('compressed_image', bomb[: 1 << 20] + b'\xff\xd9', format='jpeg')


def test_videos_of_too_many_pixels(refusal, image, tmp_path):
    path = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    writer.write(image)
    writer.release()
    content = bytearray(path.read_bytes())
    for at in _places(bytes(content), b'\xff\xc0'):  # in every frame
        content[at + 5 : at + 9] = struct.pack('>HH', 16000, 16000)
    for mark, offset in ((b'strf', 12), (b'avih', 40)):  # in both headers
        at = content.index(mark) + offset
        content[at : at + 8] = struct.pack('<II', 16000, 16000)
    assert 'is refused' in refusal('media', bytes(content), name='clip.avi')


@pytest.mark.parametrize('text', [b'ffconcat version 1.0\nfile /etc/passwd\n', b'#EXTM3U\n/x.ts\n'])
def test_playlists_that_name_other_files(refusal, text):
    assert 'is a playlist' in refusal('media', text, name='clip.mp4')


LAUGHS = b'\n'.join(
    [b'a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]']
    + [f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]'.encode() for i in range(1, 12)]
)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (LAUGHS + b'\ncamera_name: *a11\n', 'aliases written out'),
        (b'a: &a [*a]\n', 'not complete'),
        (b'a: ' + b'[' * 100_000, 'levels'),
        (b'#' * (1 << 20) + b'#', 'too large'),
        (b'a: !!python/object/apply:os.abort []\n', 'not valid YAML'),
        (b'a: 2001-99-99\n', 'not valid YAML'),
    ],
)
def test_calibrations(refusal, content, reason):
    assert reason in refusal('calibration', content)


def test_a_matrix_whose_size_is_a_word(refusal):
    matrix = 'camera_matrix: {rows: "aaaaaaaa", cols: 1000000000000, data: [1.0]}'
    text = f'distortion_model: x\nimage_width: 1\nimage_height: 1\n{matrix}\n'
    text += 'distortion_coefficients: {rows: 1, cols: 1, data: [0.0]}\n'
    assert 'whole numbers' in refusal('calibration', text.encode())


@pytest.mark.parametrize(
    ('field', 'value'), [('input_size', 1_000_000), ('face_size', 1_000_000), ('std', 1e-300)]
)
def test_manifests_that_ask_for_huge_faces(refusal, tiny_model, field, value):
    document = json.loads(manifest_path_for(tiny_model).read_text())
    document['preprocessing'][field] = value
    text = refusal('manifest', json.dumps(document).encode(), model=str(tiny_model))
    assert 'is invalid' in text


def test_manifests_that_nest_deeply(refusal, tiny_model):
    assert 'not valid JSON' in refusal('manifest', b'[' * 500_000, model=str(tiny_model))


def test_a_packed_line_without_an_end(refusal):
    content = lzma.compress(b'emotion,pixels,Usage\n' + b'0' * (1 << 26), preset=0)
    assert 'a line of more than' in refusal('fer2013', content, name='fer2013.csv.xz')


@pytest.fixture
def zero_bag(tmp_path):
    """Makes a bag with one message of zeros, packed in one of three ways."""

    def write(mode, size):
        types = ros2_typestore()
        writer = rosbag2.Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(mode, CompressionFormat.ZSTD)
        with writer:
            topic = writer.add_connection('/a', 'sensor_msgs/msg/Image', typestore=types)
            writer.write(topic, START, bytes(size))
        return tmp_path / 'bag'

    return write


SIZE = 300 << 20


def test_a_chunk_that_unpacks_to_more_than_it_says(refusal, zero_bag):
    folder = zero_bag(CompressionMode.STORAGE, SIZE)
    (file,) = folder.glob('*.mcap')
    content = bytearray(file.read_bytes())
    chunk = bytes(content).index(b'zstd') - 4  # the first one is in the chunk itself
    for at in _places(bytes(content), struct.pack('<Q', _uncompressed(content, chunk))):
        content[at : at + 8] = struct.pack('<Q', 1000)
    assert 'unpacks to more' in refusal('single_bag', bytes(content), name=file.name)


def test_a_chunk_that_says_to_be_huge(refusal, zero_bag):
    folder = zero_bag(CompressionMode.STORAGE, 1 << 20)
    (file,) = folder.glob('*.mcap')
    content = bytearray(file.read_bytes())
    chunk = bytes(content).index(b'zstd') - 4
    for at in _places(bytes(content), struct.pack('<Q', _uncompressed(content, chunk))):
        content[at : at + 8] = struct.pack('<Q', MAX_MESSAGE_BYTES + 1)
    assert 'is refused' in refusal('single_bag', bytes(content), name=file.name)


def test_a_message_that_unpacks_to_more_than_is_allowed(zero_bag, monkeypatch):
    folder = zero_bag(CompressionMode.MESSAGE, 1 << 20)
    monkeypatch.setattr(guard.unpacked, '__defaults__', (1 << 16,))
    with BagReader(folder) as reader, pytest.raises(BagError, match='unpacks to more than'):
        list(reader.messages())


def test_a_bag_file_that_would_fill_the_disk(zero_bag, monkeypatch):
    folder = zero_bag(CompressionMode.FILE, 8 << 20)
    BagReader(folder).close()
    usage = shutil.disk_usage('/')._replace(free=1 << 20)
    monkeypatch.setattr(guard.shutil, 'disk_usage', lambda _: usage)
    with pytest.raises(BagError, match='more than the 1 MiB that are free'):
        BagReader(folder)


def test_chunks_that_must_be_held_at_once():
    class Chunk:
        def __init__(self, start, end):
            self.message_start_time, self.message_end_time = start, end
            self.uncompressed_size = 1 << 30

    one_after_the_other = [Chunk(i, i + 0.5) for i in range(100)]
    guard._check_overlap(one_after_the_other)
    with pytest.raises(ValueError, match='overlap in time'):
        guard._check_overlap([Chunk(0, 9)] * 5)


def test_laughs_in_the_metadata_of_a_bag(zero_bag):
    folder = zero_bag(CompressionMode.STORAGE, 10)
    text = (folder / 'metadata.yaml').read_bytes()
    text = text.replace(b"compression_mode: ''", b'compression_mode: a', 1)
    text = LAUGHS + b'\n' + text.replace(b"compression_format: ''", b'compression_format: *a11', 1)
    assert b'*a11' in text
    (folder / 'metadata.yaml').write_bytes(text)
    with pytest.raises(BagError, match='aliases written out'):
        BagReader(folder)


def _uncompressed(content, chunk):
    """The size in the header of the chunk record: two times, the size, a checksum, then a name."""
    return struct.unpack_from('<Q', content, chunk - 4 - 8)[0]


def _places(content, value):
    at = content.find(value)
    while at >= 0:
        yield at
        at = content.find(value, at + 1)
