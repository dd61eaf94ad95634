"""Training data: fer2013.csv, plain and packed, and the votes of FER+."""

import lzma

import numpy as np
from fuzzing import fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st

TOKENS = (
    b',', b'\n', b'"', b'\r', b'\x00', b'\xff', b'-1 ', b'256 ', b'9' * 30, b'9' * 5000, b'1e3 ',
    b'0x10 ', b' ', b'Training', b'7', b'\n0,1 2 3,PublicTest', b'nan ',
)  # fmt: skip
USAGES = ('Training', 'Training', 'PublicTest', 'PrivateTest')


def rows():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 2304))
    lines = [f'{i},{" ".join(map(str, row))},{USAGES[i]}' for i, row in enumerate(pixels)]
    return '\n'.join(['emotion,pixels,Usage', *lines, '']).encode()


CSV = rows()
PACKED = lzma.compress(CSV, preset=0)
VOTES = (
    b'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n'
    b'Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\nTraining,fer0000001.png,6,0,1,1,0,0,0,0,2,0\n'
)


@fuzz(60)
@given(data=st.data())
def test_any_csv_is_read_or_refused(child, data):
    name = data.draw(st.sampled_from(('fer2013.csv', 'fer2013.csv', 'fer2013.csv.xz')))
    seeds, tokens = ([CSV], TOKENS) if name.endswith('v') else ([PACKED], ())
    child.run('fer2013.csv', 'fer2013', data.draw(mutated(seeds, tokens)), name=name)


@fuzz(60)
@given(data=st.data())
def test_any_votes_are_read_or_refused(child, data):
    child.run('FER+ votes', 'ferplus', data.draw(mutated([VOTES], TOKENS)))
