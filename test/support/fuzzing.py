"""What the tests in test/fuzz share: settings, mutations, a child process, and counts.

EMOTION_FUZZ_EXAMPLES=5000 runs a campaign: so many examples for every test, other ones each time
(`--hypothesis-seed=7` repeats one). Without it the examples are few and always the same.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz_counts import COUNTS
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

CAMPAIGN = int(os.environ.get('EMOTION_FUZZ_EXAMPLES', '0'))
REPOSITORY = Path(__file__).parents[2]

# A process that is silent for so long hangs; nothing here takes a second.
_HANG_S = 120
# Above what the largest image that is allowed takes, with a copy or two of it.
_MAX_GROWTH_MIB = 1536

_INTERESTING = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


def fuzz(examples):
    """Settings of a test: few examples and the same in every run, or those of a campaign."""
    return settings(
        max_examples=CAMPAIGN or examples,
        derandomize=not CAMPAIGN,
        database=None,
        deadline=None,
        # A smaller example is not worth minutes of killed processes.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


_EDIT = st.tuples(
    st.sampled_from(('flip', 'flip', 'put', 'put', 'insert', 'cut', 'drop', 'copy', 'fill')),
    st.sampled_from(('start', 'anywhere', 'anywhere', 'end')),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(1, 255),
    st.sampled_from((1, 2, 4, 8)),
    st.sampled_from(('little', 'big')),
    st.sampled_from(_INTERESTING),
)


@st.composite
def mutated(draw, seeds, tokens=()):
    """Bytes of one of the seeds after up to eight edits, mostly after one; at times unchanged."""
    content = bytearray(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 1, 2, 3, 8)))):
        edit = draw(_EDIT)
        token = draw(st.sampled_from(tokens)) if tokens and edit[0] == 'insert' else None
        _edit(content, *edit, token)
    return bytes(content)


def _edit(content, kind, where, first, second, value, width, order, number, token):
    size = len(content)
    near = min(size, 256)
    position = {
        'start': first % (near or 1),
        'end': size - 1 - first % (near or 1),
        'anywhere': first * size >> 16,
    }[where]
    position = max(position, 0)
    length = second % 64 + 1
    if kind == 'flip' and size:
        content[position] ^= value
    elif kind == 'put':
        content[position : position + width] = (number % (1 << 8 * width)).to_bytes(width, order)
    elif kind == 'insert':
        content[position:position] = bytes([value]) * length if token is None else token
    elif kind == 'cut' and value > 128:
        del content[position:]
    elif kind == 'drop':
        del content[position : position + length]
    elif kind == 'copy':
        start = second * size >> 16
        content[position:position] = content[start : start + 16 * length]
    elif kind == 'fill':
        content[position : position + length] = bytes(len(content[position : position + length]))


class Child:
    """A process that runs targets of `fuzz_targets`, so that a crash is an outcome, not the end."""

    def __init__(self):
        self._process = None
        self._errors = None

    def run(self, test, target, content, *, max_growth_mib=_MAX_GROWTH_MIB, **options):
        """Runs a target and counts its outcome; fails on a crash, a hang or a stray exception.

        Returns:
            'processed' or 'refused', and the message of the refusal.
        """
        COUNTS[test]['tried'] += 1
        reply = self._ask({'target': target, 'options': options, 'length': len(content)}, content)
        outcome, text = reply['outcome'], reply['text']
        assert outcome in ('processed', 'refused'), f'{outcome}: {text}'
        assert reply['growth_mib'] < max_growth_mib, f'took {reply["growth_mib"]} MiB'
        if outcome == 'refused':
            assert text and '\n' not in text and text.isprintable(), repr(text)
            assert len(text) < 1200, text
        COUNTS[test][outcome] += 1
        return outcome, text

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._errors.close()
            self._process = None

    def _ask(self, request, content):
        self._start()
        process = self._process
        # A child that died before it read everything is told by its missing result.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode() + b'\n' + content)
            process.stdin.flush()
        line = self._result()
        if not line:
            code = process.poll()
            self._errors.seek(0)
            told = self._errors.read().decode(errors='replace')[-3000:]
            self.close()
            raise AssertionError(f'{request} ended the process or hung (exit code {code}): {told}')
        return json.loads(line)

    def _result(self):
        deadline = time.monotonic() + _HANG_S
        while time.monotonic() < deadline:
            if select.select([self._process.stdout], [], [], 1)[0]:
                return self._process.stdout.readline()
        return b''

    def _start(self):
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - until the process ends
        self._process = subprocess.Popen(
            [sys.executable, '-X', 'faulthandler', '-m', 'fuzz_targets'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=REPOSITORY,
            env={
                **os.environ,
                'PYTHONPATH': os.pathsep.join(
                    str(REPOSITORY / folder) for folder in ('src', '.', 'test/support')
                ),
            },
        )


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(('Happy', '../x', '\x00', '1e400', 'a' * 5000, 10**400)),
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def changed_documents(draw, document):
    """A document of mappings, lists and scalars with up to three places changed or removed."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(0, 3))):
        node, places = document, list(_places(document))
        *path, key = draw(st.sampled_from(places)) if places else ['']
        for step in path:
            node = node[step]
        if draw(st.integers(0, 4)) == 0 and isinstance(node, dict):
            node.pop(key, None)
        else:
            node[key] = draw(JSON_VALUES)
    return document


def _places(node, path=()):
    """Paths to everything inside a document."""
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))
