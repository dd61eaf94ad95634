"""How a node ends, and what that means for the next start."""

import pytest

from emotion_bringup.endings import (
    ALWAYS,
    EXIT_ERROR,
    EXIT_OK,
    EXIT_USAGE,
    NEVER,
    WHEN_KILLED,
    Ending,
    camera_restartable,
    ended_how,
    ending,
)


@pytest.mark.parametrize(
    ('exit_code', 'how', 'sentence'),
    [
        (EXIT_OK, Ending.FINISHED, 'has ended'),
        (EXIT_ERROR, Ending.FAILED, 'has ended with an error (exit code 1)'),
        (130, Ending.FAILED, 'has ended with an error (exit code 130)'),
        (EXIT_USAGE, Ending.WRONG_SETTINGS, 'cannot work with its settings'),
        (-9, Ending.KILLED, 'was killed by SIGKILL'),
        (-99, Ending.KILLED, 'was killed by signal 99'),
    ],
)
def test_an_exit_code_says_how_a_node_has_ended(exit_code, how, sentence):
    assert ending(exit_code) is how
    assert ended_how(exit_code) == sentence


def test_wrong_settings_are_never_tried_again():
    for rule in (ALWAYS, WHEN_KILLED, NEVER):
        assert Ending.WRONG_SETTINGS not in rule


@pytest.mark.parametrize(
    ('live', 'loop', 'rule'),
    [
        (True, False, ALWAYS),
        (True, True, ALWAYS),
        (False, True, WHEN_KILLED),
        (False, False, NEVER),
    ],
)
def test_a_camera_comes_back_and_a_file_only_where_it_would_have_gone_on(live, loop, rule):
    assert camera_restartable(live=live, loop=loop) is rule
