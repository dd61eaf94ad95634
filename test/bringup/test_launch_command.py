"""A launch file that is started by itself, and one that another includes."""

import pytest

from emotion_bringup.launch_command import is_launched_directly

INSTALLED = '/opt/ws/share/emotion_bringup/launch/live.launch.py'


@pytest.mark.parametrize(
    ('command_line', 'direct'),
    [
        ('launch emotion_bringup live.launch.py', True),
        ('launch --debug emotion_bringup live.launch.py source:=demo', True),
        (f'launch {INSTALLED} source:=demo', True),
        ('launch my_robot robot.launch.py', False),
        ('launch my_robot live.launch.py', False),
        ('launch my_robot robot.launch.py perception:=live.launch.py', False),
        ('launch my_robot robot.launch.py emotion_bringup:=live.launch.py', False),
        ('', False),
    ],
)
def test_the_command_line_names_what_is_launched(command_line, direct):
    assert is_launched_directly(INSTALLED, command_line.split()) == direct


def test_a_launch_file_may_be_named_by_a_path_from_here_or_through_a_link(tmp_path, monkeypatch):
    file = tmp_path / 'live.launch.py'
    file.touch()
    (tmp_path / 'link.launch.py').symlink_to(file)
    monkeypatch.chdir(tmp_path)
    for name in ('live.launch.py', './live.launch.py', 'link.launch.py'):
        assert is_launched_directly(str(file), ['launch', name])


def test_a_launch_file_whose_path_is_unknown_counts_as_included():
    assert not is_launched_directly('', ['launch', 'emotion_bringup', 'live.launch.py'])
