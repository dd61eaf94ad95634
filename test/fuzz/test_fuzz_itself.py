"""The harness tells a crash and a stray exception from a result, or it would prove nothing."""

import pytest
from fuzz_counts import COUNTS
from fuzzing import Child


@pytest.fixture
def own_child():
    process = Child()
    yield process
    process.close()
    del COUNTS['harness']


def test_a_crash_is_found_and_the_next_example_runs(own_child):
    with pytest.raises(AssertionError, match='ended the process'):
        own_child.run('harness', 'crash', b'')
    assert own_child.run('harness', 'still', b'')[0] == 'refused'


def test_an_undocumented_exception_is_found(own_child):
    with pytest.raises(AssertionError, match='stray exception'):
        own_child.run('harness', 'stray', b'x')
