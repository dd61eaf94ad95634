"""Image messages and images: any fields, any bytes."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from fuzzing import fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emotion_perception.encodings import SUPPORTED_ENCODINGS

SIDES = st.one_of(st.integers(0, 40), st.sampled_from((16384, 16385, 2**31 - 1, 2**32 - 1)))


@fuzz(120)
@given(data=st.data())
def test_any_image_message_is_decoded_or_refused(child, data):
    width, height = data.draw(SIDES, 'width'), data.draw(SIDES, 'height')
    content = data.draw(st.binary(max_size=64) | st.integers(0, 20000).map(_noise), 'data')
    encoding = data.draw(st.sampled_from(SUPPORTED_ENCODINGS) | st.text(max_size=300))
    fitting = st.sampled_from([width * bytes for bytes in (1, 2, 3, 4, 6, 8, 12, 24)])
    child.run(
        'image messages',
        'raw_image',
        content,
        width=width,
        height=height,
        encoding=encoding,
        step=data.draw(fitting | st.integers(0, 200) | SIDES, 'step'),
        is_bigendian=data.draw(st.booleans()),
    )


@fuzz(100)
@given(data=st.data())
def test_a_message_that_is_a_little_wrong_is_decoded_or_refused(child, data):
    """Fields that fit each other, and then one that does not."""
    fields = {
        'width': data.draw(st.integers(1, 16)) * 2,
        'height': data.draw(st.integers(1, 12)) * 2,
        'encoding': data.draw(st.sampled_from(SUPPORTED_ENCODINGS)),
        'is_bigendian': data.draw(st.booleans()),
    }
    fields['step'] = fields['width'] * 24
    size = 2 * fields['step'] * fields['height']
    wrong = data.draw(st.sampled_from(('none', 'none', 'width', 'height', 'step', 'data')))
    if wrong == 'data':
        size = data.draw(st.integers(0, size))
    elif wrong != 'none':
        fields[wrong] = data.draw(SIDES)
    child.run('image messages', 'raw_image', _noise(size), **fields)


@pytest.fixture(scope='module')
def compressed(image):
    """The image in every compression that a message may have."""
    suffixes = ('.jpg', '.png', '.webp', '.tiff')
    files = [cv2.imencode(suffix, image)[1].tobytes() for suffix in suffixes]
    rgb = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    for options in (
        {'format': 'JPEG', 'progressive': True},
        {'format': 'PNG', 'interlace': 1},
        {'format': 'TIFF', 'compression': 'tiff_lzw'},
        {'format': 'WEBP', 'lossless': True},
    ):
        file = io.BytesIO()
        rgb.save(file, **options)
        files.append(file.getvalue())
    return files


@fuzz(120)
@given(data=st.data())
def test_any_compressed_image_is_decoded_or_refused(child, compressed, data):
    format = data.draw(st.sampled_from(('jpeg', 'png', '', 'bgr8; jpeg compressed rgb8', 'a\nb')))
    content = data.draw(mutated(compressed) | st.binary(max_size=50))
    child.run('compressed images', 'compressed_image', content, format=format)


@fuzz(60)
@given(data=st.data())
def test_any_png_with_right_checksums_is_decoded_or_refused(child, image, data):
    """Behind its checksums a PNG is hardly ever reached by chance."""
    chunks = _chunks(cv2.imencode('.png', image)[1].tobytes())
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(chunks) - 1))
        kind, content = chunks[index]
        chunks[index] = (kind, data.draw(mutated([content])))
    if data.draw(st.booleans()):
        kind = data.draw(st.sampled_from((b'iCCP', b'zTXt', b'eXIf', b'acTL', b'fcTL', b'PLTE')))
        chunks.insert(1, (kind, data.draw(st.binary(max_size=40))))
    child.run('PNG behind checksums', 'compressed_image', _png(chunks), format='png')


@fuzz(60)
@given(data=st.data())
def test_any_image_file_is_decoded_or_refused(child, compressed, image, data):
    others = [cv2.imencode(suffix, image)[1].tobytes() for suffix in ('.bmp', '.ppm')]
    child.run('image files', 'still', data.draw(mutated([*others, *compressed[:4]])))


@pytest.fixture(scope='module')
def animations(image):
    """Three frames as GIF, WebP and PNG."""
    images = [Image.fromarray(np.roll(image, shift, axis=1)) for shift in (0, 9, 18)]
    files = []
    for format in ('GIF', 'WEBP', 'PNG'):
        file = io.BytesIO()
        images[0].save(file, format, save_all=True, append_images=images[1:], duration=70)
        files.append(file.getvalue())
    return files


@fuzz(60)
@given(data=st.data())
def test_any_animation_is_played_or_refused(child, animations, data):
    name = data.draw(st.sampled_from(('clip.gif', 'clip.webp', 'clip.png', 'clip')))
    child.run('animations', 'media', data.draw(mutated(animations)), name=name)


def _noise(size):
    return np.random.default_rng(size).bytes(size)


def _chunks(png):
    position, found = 8, []
    while position < len(png):
        (length,) = struct.unpack_from('>I', png, position)
        found.append((png[position + 4 : position + 8], png[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def _png(chunks):
    parts = [b'\x89PNG\r\n\x1a\n']
    for kind, content in chunks:
        checksum = zlib.crc32(kind + content)
        parts.append(struct.pack('>I', len(content)) + kind + content + struct.pack('>I', checksum))
    return b''.join(parts)
