"""What the nodes can import, asked from a launch file that runs in another Python."""

import sys
import venv

import pytest

from emotion_bringup.node_python import has_module, python_of


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('#!/opt/venv/bin/python3.12', '/opt/venv/bin/python3.12'),
        ('#! /usr/bin/python3 -E', '/usr/bin/python3'),
        ('#!/usr/bin/env python3', sys.executable),
        ('#!', sys.executable),
        ('\x7fELF', sys.executable),
        ('', sys.executable),
    ],
)
def test_a_script_names_its_python(tmp_path, line, expected):
    script = tmp_path / 'foxglove_node'
    script.write_text(f'{line}\nimport sys\n')
    assert python_of(script) == expected


def test_a_script_that_is_not_there_runs_in_this_python(tmp_path):
    assert python_of(tmp_path / 'foxglove_node') == sys.executable


def test_another_python_has_modules_of_its_own(tmp_path):
    venv.create(tmp_path, with_pip=False)
    other = str(tmp_path / 'bin' / 'python')
    assert has_module(sys.executable, 'numpy')
    assert not has_module(other, 'numpy')
    assert has_module(other, 'json')


def test_a_python_that_is_not_there_has_nothing(tmp_path):
    assert not has_module(str(tmp_path / 'python'), 'json')
